"""Several daemons on one real database: what many clusters saw of it, by their own journal."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.evil.wallshim import WallClock
from tests.host import pooler as poolers
from tests.host.members import LEASE_S, Crowd, Member, crowd, overlaps, sent_by, wait_until
from tests.host.pooler import pooler
from tests.host.postgres import free_port, unavailable
from tests.host.proxy import proxy

pytestmark = [
    pytest.mark.crowded,
    pytest.mark.skipif(bool(unavailable()), reason=unavailable()),
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Crowd]:
    """Set the stage, and strike it whatever happens."""
    with crowd(tmp_path) as stage:
        yield stage


def start(stage: Crowd, *names: str) -> list[Member]:
    """Start daemons, and wait until each has its share."""
    members = [stage.join(name) for name in names]
    stage.wait_for_shares(*members)
    return members


def wait_for(stage: Crowd, action: str) -> None:
    """Wait until every repository has seen such a call."""
    count = stage.repository_count()
    wait_until(
        lambda: len({(e.cluster, e.repository) for e in stage.posts(action)}) == count,
        f"{action} of all {count}",
    )


def check(stage: Crowd, ends: float) -> None:
    """Check what always holds: no two calls at once, no early resume, everything active again."""
    posts = stage.posts()
    last = {(each.cluster, each.repository): each.action for each in posts}
    early = [each for each in posts if each.action == "resume" and each.began < ends]

    assert overlaps(posts) == []
    assert early == []
    assert Counter(last.values()) == {"resume": stage.repository_count()}


def recorded(stage: Crowd, outcome: str) -> int:
    """Count the attempts of the history that came to this."""
    ((count,),) = stage.postgres.ask(
        f"select count(*) from attempt where outcome = '{outcome}'"  # noqa: S608  # our word
    )
    return int(str(count))


def test_three_members_share_three_hundred_clusters(stage: Crowd) -> None:
    """One is stopped, one killed, one joins: each window is kept, and no call meets another."""
    stage.serve(300, 2, 0.02)
    text, _, ends = stage.window(40, 65)
    stage.write(text)
    a, b, c = start(stage, "a", "b", "c")
    wait_for(stage, "pause")
    stopped = a.send(signal.SIGTERM)
    after_stop = stage.wait_for_takeover(stopped, b, c)
    code = a.process.wait(15)
    d = stage.join("d")
    stage.wait_for_shares(b, c, d)
    wait_until(lambda: time.monotonic() > ends - 0.5, "the window's end", 60)
    killed = b.send(signal.SIGKILL)
    after_kill = stage.wait_for_takeover(killed, c, d)
    wait_for(stage, "resume")
    resumed = max(each.ended for each in stage.posts("resume")) - ends

    check(stage, ends)
    # On a machine that is too busy a lease may end, and a call be sent again by another.
    assert len(stage.posts()) <= 2.2 * stage.repository_count()
    assert code == 0
    assert after_stop <= 1.0
    assert after_kill <= LEASE_S + 1.0
    assert resumed <= LEASE_S + 20.0
    print(f"\nhanded over {after_stop:.2f} s, taken over {after_kill:.2f} s, {resumed:.2f} s late")  # noqa: T201


def test_a_member_that_sleeps_wakes_with_a_call_in_hand(stage: Crowd) -> None:
    """Stopped for longer than the lease in the middle of its pauses, it writes nothing any more."""
    stage.serve(12, 4, 0.4)
    text, begins, ends = stage.window(15, 32)
    stage.write(text, concurrency=1)
    a, b = start(stage, "a", "b")
    wait_until(lambda: time.monotonic() > begins + 0.2, "the opening", 60)
    wait_until(lambda: [e for e in stage.seen() if e.action == "pause"], "a pause")
    stopped = a.send(signal.SIGSTOP)
    after_stop = stage.wait_for_takeover(stopped, b)
    wait_until(lambda: time.monotonic() > stopped + 2 * LEASE_S, "the sleep")
    woken = a.send(signal.SIGCONT)
    stage.wait_for_shares(a, b)
    wait_for(stage, "pause")
    wait_for(stage, "resume")

    wait_until(lambda: recorded(stage, "stale") > 0, "what came too late is kept as such")
    check(stage, ends)
    unasked = [e for e in sent_by(a, stage.posts()) if woken <= e.began <= woken + 0.25]
    assert after_stop <= LEASE_S + 1.0
    assert sent_by(a, stage.posts())
    assert unasked == []


@pytest.mark.parametrize("trouble", ["swallow", "reset"])
def test_a_member_that_is_cut_off_lets_go(stage: Crowd, trouble: str) -> None:
    """Its network swallows everything, or cuts it off: the others go on, and it comes back."""
    stage.serve(40, 2, 0.05)
    text, _, ends = stage.window(14, 34)
    stage.write(text)
    with proxy(stage.postgres.port) as way:
        a, b = stage.join("a", port=way.port), stage.join("b")
        stage.wait_for_shares(a, b)
        wait_for(stage, "pause")
        cut = time.monotonic()
        after_cut = 0.0
        if trouble == "swallow":
            way.swallow()
            after_cut = stage.wait_for_takeover(cut, b)
        else:
            way.reset()
        way.heal()
        stage.wait_for_shares(a, b)
        wait_for(stage, "resume")

    check(stage, ends)
    assert after_cut <= LEASE_S + 1.0


def test_a_database_that_dies_loses_nothing(stage: Crowd) -> None:
    """Killed and started again, before the opening and at its end, it leaves nothing behind."""
    stage.serve(20, 2, 0.05)
    text, begins, ends = stage.window(14, 26)
    stage.write(text)
    a, b = start(stage, "a", "b")
    wait_until(lambda: time.monotonic() > begins - 0.5, "the opening", 60)
    stage.postgres.kill()
    wait_until(lambda: time.monotonic() > begins + 0.5, "the opening", 60)
    without = len(stage.posts("pause"))
    stage.postgres.start()
    wait_for(stage, "pause")
    wait_until(lambda: time.monotonic() > ends - 0.5, "the end", 60)
    stage.postgres.kill()
    wait_until(lambda: stage.posts("resume"), "resumes without a database", LEASE_S)
    held = len(stage.posts("resume"))
    stage.postgres.start()
    wait_for(stage, "resume")
    stage.wait_for_shares(a, b)

    check(stage, ends)
    assert without == 0
    assert held > 0
    wait_until(
        lambda: recorded(stage, "ok") + recorded(stage, "stale") >= 2 * stage.repository_count(),
        "what was sent meanwhile is in the history",
    )


@pytest.mark.skipif(bool(poolers.unavailable()), reason=poolers.unavailable())
def test_members_behind_a_pooler_keep_every_promise(stage: Crowd) -> None:
    """By way of a pooler that shares sessions, and dies in the opening and at its end."""
    stage.serve(20, 2, 0.05)
    stage.postgres.ask("alter database cbmaintd set synchronous_commit = off")
    text, begins, ends = stage.window(14, 26)
    stage.write(text)
    with pooler(stage.postgres, "transaction") as way:
        a, b = (stage.join(name, ledger=way.url()) for name in ("a", "b"))
        stage.wait_for_shares(a, b)
        wait_until(lambda: time.monotonic() > begins + 0.2, "the opening", 60)
        way.kill()
        way.start()
        wait_for(stage, "pause")
        wait_until(lambda: time.monotonic() > ends - 0.2, "the end", 60)
        way.kill()
        way.start()
        wait_for(stage, "resume")
        killed = a.send(signal.SIGKILL)
        stage.wait_for_takeover(killed, b)

    check(stage, ends)


def test_one_configuration_is_in_force_for_all(stage: Crowd) -> None:
    """Who has another file says so and does nothing, until `apply` makes it the one of all."""
    stage.serve(6, 1, 0.02)
    text, _, ends = stage.window(3600, 7200)
    port = free_port()
    stage.write(text)
    other = stage.write(text, "other.yaml", more=f"listen: 127.0.0.1:{port}\n")
    a = stage.join("a")
    stage.wait_for_shares(a)
    b = stage.join("b", other)
    wait_until(lambda: b.events("config.differs"), "that its file differs")
    wait_until(lambda: told(port)[0] == 503, "that it is not well")
    status, health, metrics = told(port)
    shown = json.loads(stage.ask("status", "--output", "json").stdout)["members"]
    table = stage.ask("status").stdout
    alone = stage.owners()
    applied = stage.ask("--config", str(other), "apply")
    stage.wait_for_shares(b)
    wait_until(lambda: a.events("config.differs"), "that now the other file differs")
    stage.write(text, more=f"listen: 127.0.0.1:{port}\n")
    stage.wait_for_shares(a, b)
    again = told(port)

    assert (status, "generation 1" in health) == (503, True)
    assert "cbmaintd_config_differs 1.0" in metrics
    assert [(each["pid"], each["agrees"], each["clusters"]) for each in shown] == [
        (a.process.pid, True, 6),
        (b.process.pid, False, 0),
    ]
    assert "cbmaintd apply" in table
    assert alone == {str(a.process.pid): 6}
    assert "generation 2" in applied.stdout
    assert f"pid {a.process.pid}" in applied.stdout
    assert (again[0], "cbmaintd_config_differs 0.0" in again[2]) == (200, True)
    assert stage.posts() == []
    assert ends > 0


def told(port: int) -> tuple[int, str, str]:
    """Ask a daemon how it is: the status and text of its health, and its metrics."""
    try:
        health, metrics = (
            requests.get(f"http://127.0.0.1:{port}/{page}", timeout=5)
            for page in ("healthz", "metrics")
        )
    except requests.ConnectionError:
        return 0, "", ""
    return health.status_code, health.text, metrics.text


def test_people_decide_from_anywhere(stage: Crowd) -> None:
    """What one opens by the ledger's URL alone is seen by all daemons, and told by all commands."""
    stage.serve(4, 1, 0.02)
    text, _, _ = stage.window(3600, 7200)
    stage.write(text)
    a, b = start(stage, "a", "b")
    opened = stage.ask("open", "kernel", "--repository", "c*/*", "--for", "1h")
    wait_for(stage, "pause")
    why = stage.ask("why", "c001/r0")
    closed = stage.ask("close", "kernel", "--reason", "done")
    ends = time.monotonic() - 5
    wait_for(stage, "resume")
    history = stage.ask("history", "--output", "json")
    refused = stage.ask("release")
    codes = [
        a.send(signal.SIGTERM) and a.process.wait(15),
        b.send(signal.SIGTERM) and b.process.wait(15),
    ]
    released = stage.ask("release")

    assert (opened.returncode, closed.returncode, codes) == (0, 0, [0, 0])
    assert "kernel" in why.stdout
    assert Counter(each["action"] for each in json.loads(history.stdout)) == {
        "open": 1, "close": 1, "pause": 4, "resume": 4
    }  # fmt: skip
    assert (refused.returncode, "stop every daemon" in refused.stderr) == (1, True)
    assert (released.returncode, released.stdout) == (0, "Nothing is held.\n")
    check(stage, ends)


def test_what_is_held_is_released_without_a_daemon(stage: Crowd) -> None:
    """After all daemons were stopped, `release` resumes what they held."""
    stage.serve(4, 1, 0.02)
    text, begins, _ = stage.window(6, 3600)
    stage.write(text)
    a, b = start(stage, "a", "b")
    wait_for(stage, "pause")
    for member in (a, b):
        member.send(signal.SIGTERM)
        member.process.wait(15)
    done = stage.ask("release")

    assert (done.returncode, done.stderr) == (0, "")
    check(stage, begins)


def test_a_clock_that_is_far_off_pauses_nothing(stage: Crowd, tmp_path: Path) -> None:
    """A daemon whose clock is a minute ahead of the database's says so, and begins no pause."""
    wall = WallClock(tmp_path)
    if not wall.is_available:
        pytest.skip("no C compiler to build the shim of the clock with")
    wall.step_to(60.0)
    stage.serve(4, 1, 0.02)
    text, begins, ends = stage.window(8, 20)
    stage.write(text)
    a = stage.join("a", environ=wall.environ)
    (said,) = wait_for_event(a, "clock.differs")
    wait_until(lambda: time.monotonic() > begins + 1, "the opening")
    before = stage.posts()
    wall.step_to(0.0)
    wait_for_event(a, "clock.agrees")
    wait_for(stage, "pause")
    wait_for(stage, "resume")

    assert 58 < said["by_s"] < 62
    assert before == []
    check(stage, ends)


def wait_for_event(member: Member, event: str) -> list[dict[str, Any]]:
    """Wait for a line of the log."""
    wait_until(lambda: member.events(event), event)
    return member.events(event)


def test_a_ledger_moves_to_a_database(stage: Crowd, tmp_path: Path) -> None:
    """What one daemon held in its file, several go on with in a database, and end in time."""
    stage.serve(4, 1, 0.02)
    text, _, ends = stage.window(6, 24)
    stage.write(text)
    file = f"sqlite:///{tmp_path}/ledger.db"
    alone = stage.join("alone", ledger=file)
    wait_for(stage, "pause")
    running = stage.ask("ledger", "copy", file, stage.postgres.url())
    alone.send(signal.SIGTERM)
    alone.process.wait(15)
    copied = stage.ask("ledger", "copy", file, stage.postgres.url())
    again = stage.ask("ledger", "copy", file, stage.postgres.url())
    a, _b = start(stage, "a", "b")
    to_file = stage.ask("ledger", "copy", stage.postgres.url(), f"sqlite:///{tmp_path}/new.db")
    wait_for(stage, "resume")

    check(stage, ends)
    assert (running.returncode, "in use by pid" in running.stderr) == (1, True)
    assert copied.stdout == ("Copied: 4 repositories, 4 attempts, 0 decisions, 1 configuration.\n")
    assert (again.returncode, "something in this ledger" in again.stderr) == (1, True)
    assert (to_file.returncode, "stop every daemon" in to_file.stderr) == (1, True)
    assert len(stage.posts("pause")) == 4
    assert a.events("config.agrees")


def test_a_standby_takes_over(stage: Crowd) -> None:
    """With a synchronous standby the database may move to another host: nothing is forgotten."""
    stage.serve(10, 2, 0.05)
    standby = stage.follow()
    text, _, ends = stage.window(14, 26)
    stage.write(text)
    url = stage.postgres.url().replace(
        f"127.0.0.1:{stage.postgres.port}",
        f"127.0.0.1:{stage.postgres.port},127.0.0.1:{standby.port}",
    )
    ways = f"{url}?target_session_attrs=read-write"
    early = stage.join("early", ledger=ways)
    (warned,) = wait_for_event(early, "config.warned")
    stage.postgres.ask("alter system set synchronous_standby_names = 'standby'")
    stage.postgres.ask("select pg_reload_conf()")
    late = stage.join("late", ledger=ways)
    stage.wait_for_shares(early, late)
    wait_for(stage, "pause")
    stage.postgres.kill()
    standby.promote()
    promoted = time.monotonic()
    stage.postgres = standby
    stage.wait_for_shares(early, late)
    back = time.monotonic() - promoted
    wait_for(stage, "resume")

    check(stage, ends)
    assert "asynchronously" in warned["warning"]
    assert late.events("config.warned") == []
    assert back < 10
