"""Who is told what by the real daemon, and that nobody who is told can hold it up."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

from tests.evil.canary import canary
from tests.evil.server import EvilServer, Seen, answer, silent
from tests.process.conftest import Stage, once, wait_until

KINDS = ("webhook", "slack", "ping_url")


def targets(stage: Stage, receivers: dict[str, EvilServer], more: str = "") -> str:
    """Write the top of a file that tells each receiver; the URLs are secrets."""
    lines = ["resync: 1s", "notify:"]
    for kind, receiver in receivers.items():
        secret = canary()
        stage.passwords.append(secret)
        stage.keep_password(f"{receiver.url}/{secret}", f"{kind}.url")
        lines += [f"  - {kind}: {{file: {kind}.url}}", more if kind != "ping_url" else ""]
    return "\n".join(filter(None, lines)) + "\n"


def events_of(receiver: EvilServer) -> list[str]:
    """Return the events that a webhook was told of."""
    return [json.loads(seen.body)["event"] for seen in list(receiver.seen)]


def ping_of(seen: Seen) -> str:
    """Return what a ping says."""
    return urlsplit(seen.path).path.rpartition("/")[2]


def test_an_opening_is_told_from_its_start_to_its_end(stage: Stage) -> None:
    """A webhook, a chat and a check hear of a window in their own words, and no secret leaks."""
    stage.simulate("prod", "orders")
    with (
        EvilServer((answer(),)) as hook,
        EvilServer((answer(),)) as chat,
        EvilServer((answer(),)) as check,
    ):
        receivers = dict(zip(KINDS, (hook, chat, check), strict=True))
        top = targets(stage, receivers, "    events: ['window.*', 'repository.*']")
        stage.write(once("night", -60, 600), top=top)
        daemon = stage.start()
        daemon.wait_for("notification.sent", target="ping_url-3", events=["run.started"])
        daemon.wait_for("repository.paused")
        stage.close_in(2)
        daemon.wait_for("notification.sent", target="ping_url-3", events=["run.succeeded"])
        code = daemon.stop()
        tested = stage.ask("notify")

    told = events_of(hook)
    assert sorted(told[:2]) == ["repository.paused", "window.opened"]
    assert sorted(told[2:4]) == ["repository.resumed", "window.closed"]
    assert told[4:] == ["notify.test"]
    assert "prod/orders is active again (night)" in json.loads(chat.seen[-2].body)["text"]
    started, succeeded, test = check.seen
    assert ping_of(started) == "start"
    assert urlsplit(succeeded.path).query == urlsplit(started.path).query
    assert parse_qs(urlsplit(test.path).query)["rid"]
    assert (tested.returncode, tested.stdout.splitlines()) == (
        0,
        ["webhook-1: sent", "slack-2: sent", "ping_url-3: sent"],
    )
    assert code == 0


def test_a_check_hears_of_a_failure(stage: Stage) -> None:
    """A run fails when its repository cannot be paused, and succeeds once it is over."""
    simulator = stage.simulate("prod", "orders")
    simulator.users["admin"] = (stage.password, "ro_admin")
    with EvilServer((answer(),)) as check:
        stage.write(once("night", -60, 600), top=targets(stage, {"ping_url": check}))
        daemon = stage.start()
        daemon.wait_for("notification.sent", events=["run.failed"])
        stage.close_in(2)
        daemon.wait_for("notification.sent", events=["run.succeeded"])
        daemon.stop()

    assert [ping_of(seen) for seen in check.seen][:2] == ["start", "fail"]
    assert b"prod/orders: pause failed (forbidden)" in check.seen[1].body
    assert len(check.seen) == 3


def test_who_does_not_answer_holds_nothing_up(stage: Stage) -> None:
    """Targets that hang or refuse delay neither pause nor resume nor the stop; losses are said."""
    stage.simulate("prod", "orders")
    with EvilServer((silent,)) as hook, EvilServer((answer(500),)) as chat:
        top = targets(stage, {"webhook": hook, "slack": chat}, "    events: ['*']")
        stage.write(once("night", -60, 600), top=top)
        daemon = stage.start()
        (paused,) = daemon.wait_for("repository.paused")
        stage.close_in(5)
        (resumed,) = daemon.wait_for("repository.resumed")
        daemon.wait_for("notification.failed", target="slack-2", error="server_error")
        began = time.monotonic()
        code = daemon.stop()
        took_s = time.monotonic() - began

    # Who does not answer is waited for ten seconds.
    assert resumed["after_ms"] < 5000
    assert paused["timestamp"] < resumed["timestamp"]
    assert code == 0
    assert took_s < 8
    (lost,) = daemon.events("notification.dropped", target="webhook-1")
    assert lost["notices"] > 3


def test_an_edit_changes_who_is_told(stage: Stage) -> None:
    """A target that an edit brings is told from then on, and the edit names it."""
    stage.simulate("prod", "orders")
    windows = once("night", 600, 900)
    with EvilServer((answer(),)) as hook:
        stage.write(windows)
        daemon = stage.start()
        daemon.wait_for("config.applied")
        stage.write(windows, top=targets(stage, {"webhook": hook}))
        daemon.wait_for("config.applied", added=["notify.webhook-1"])
        stage.config.write_text("windows: [\n")
        daemon.wait_for("config.rejected")
        wait_until(lambda: bool(hook.seen), "the webhook")
        daemon.stop()

    body = json.loads(hook.seen[0].body)
    assert body["event"] == "config.rejected"
    assert body["faults"]


def test_a_target_that_refuses_is_named(stage: Stage) -> None:
    """`cbmaintd notify` says whom it could not tell, and why, and exits with 1."""
    stage.simulate("prod", "orders")
    with EvilServer((answer(404, b"no_service"),)) as hook, EvilServer((answer(),)) as chat:
        stage.write(once("n", 600, 900), top=targets(stage, {"webhook": hook, "slack": chat}))
        every = stage.ask("notify")
        one = stage.ask("notify", "slack-2")
        wrong = stage.ask("notify", "slak-2")

    assert every.returncode == 1
    assert every.stderr.startswith("cbmaintd: not sent to 1 of 2 targets: webhook-1; see ")
    assert one.stderr == ""
    assert every.stdout.splitlines() == [
        "webhook-1: FAILED (not_found, HTTP 404): no_service",
        "slack-2: sent",
    ]
    assert (one.returncode, one.stdout) == (0, "slack-2: sent\n")
    assert wrong.returncode == 2
    assert 'did you mean "slack-2"?' in wrong.stderr


def test_a_dry_run_tells_nobody(stage: Stage) -> None:
    """A daemon that only looks sends nothing to anybody."""
    stage.simulate("prod", "orders")
    with EvilServer((answer(),)) as hook:
        top = targets(stage, {"webhook": hook}, "    events: ['*']")
        stage.write(once("night", -60, 600), top=top)
        daemon = stage.start("--dry-run")
        daemon.wait_for("repository.left", reason="dry_run")
        daemon.stop()

    assert hook.seen == []
