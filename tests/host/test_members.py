"""Several daemons on one real database: what many clusters saw of it, by their own journal."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.members import LEASE_S, Crowd, Member, crowd, overlaps, wait_until
from tests.host.postgres import unavailable
from tests.host.proxy import proxy

pytestmark = [
    pytest.mark.skipif(bool(unavailable()), reason=unavailable()),
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("members"),
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
        within_s=90,
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
    stage.wait_for_shares(b, c)
    after_stop = time.monotonic() - stopped
    code = a.process.wait(15)
    d = stage.join("d")
    stage.wait_for_shares(b, c, d)
    wait_until(lambda: time.monotonic() > ends - 0.5, "the window's end", 60)
    killed = b.send(signal.SIGKILL)
    stage.wait_for_shares(c, d)
    after_kill = time.monotonic() - killed
    wait_for(stage, "resume")
    resumed = max(each.ended for each in stage.posts("resume")) - ends

    check(stage, ends)
    pauses = Counter((each.cluster, each.repository) for each in stage.posts("pause"))
    assert set(pauses.values()) == {1}
    assert code == 0
    assert after_stop <= 1.0
    assert after_kill <= LEASE_S + 1.0
    assert resumed <= LEASE_S + 10.0
    print(f"\nhanded over {after_stop:.2f} s, taken over {after_kill:.2f} s, {resumed:.2f} s late")  # noqa: T201


def test_a_member_that_sleeps_wakes_with_a_call_in_hand(stage: Crowd) -> None:
    """Stopped for longer than the lease in the middle of its pauses, it writes nothing any more."""
    stage.serve(12, 4, 0.4)
    text, begins, ends = stage.window(15, 32)
    stage.write(text, more="")
    a, b = start(stage, "a", "b")
    wait_until(lambda: time.monotonic() > begins + 0.2, "the opening", 60)
    wait_until(lambda: [e for e in stage.seen() if e.action == "pause"], "a pause")
    stopped = a.send(signal.SIGSTOP)
    stage.wait_for_shares(b)
    after_stop = time.monotonic() - stopped
    wait_until(lambda: time.monotonic() > stopped + 2 * LEASE_S, "the sleep")
    a.send(signal.SIGCONT)
    stage.wait_for_shares(a, b)
    wait_for(stage, "pause")
    wait_for(stage, "resume")

    wait_until(lambda: recorded(stage, "stale") > 0, "what came too late is kept as such")
    check(stage, ends)
    assert after_stop <= LEASE_S + 1.0
    assert a.events("clusters.lost") or a.events("clusters.claimed")


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
        if trouble == "swallow":
            way.swallow()
            stage.wait_for_shares(b)
        else:
            way.reset()
        after_cut = time.monotonic() - cut
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
