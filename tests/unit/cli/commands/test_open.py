"""`open`: what is kept of an unplanned window, who sees it, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.instants import read_future
from daemon.cli.reports.times import format_until
from daemon.ledger.ledger import Ledger
from daemon.windows.overrides import OverrideKind
from daemon.windows.window import Patterns
from tests.unit.cli.commands.planned import HOUR, MINUTE, NOW, Ask, assert_refused


def test_open_keeps_what_was_asked_for(ledger: Ledger, ask: Ask) -> None:
    """An unplanned window has its clusters by glob, patterns, end, reason and who opened it."""
    done = ask("open", "patch", "--repository", "prod*/ord*", "prod/a", "--for", "2h",
               "--reason", "kernel")  # fmt: skip
    (kept,) = ledger.overrides()

    assert (done.code, done.err) == (0, "")
    assert "patch is open until" in done.out
    assert kept.kind is OverrideKind.OPEN
    assert kept.targets == (("prod", Patterns(("ord*", "a"))), ("prod-us", Patterns(("ord*",))))
    assert kept.end == kept.start + 2 * HOUR
    assert abs(kept.start - NOW) < 30 * MINUTE
    assert kept.reason == "kernel"
    assert "@" in kept.by


def test_an_open_window_is_seen(ask: Ask) -> None:
    """`status` and `why` know an unplanned window at once, and `close` ends it."""
    ask("open", "patch", "--repository", "prod/archive", "--for", "2h")

    status = json.loads(ask("status", "--output", "json").out)
    why = ask("why", "prod/archive")
    closed = ask("close", "patch")
    after = ask("why", "prod/archive")

    assert [opening["window"] for opening in status["open"]] == ["night", "patch"]
    assert ", by patch, until " in why.out
    assert "ends now" in closed.out
    assert "prod/archive should not be paused" in after.out


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("open", "night", "--repository", "prod/a", "--for", "1h"), 2, "leave --repository out"),
        (("open", "b d", "--repository", "prod/a", "--for", "1h"), 2, "not a name for a window"),
        (("open", "x", "--repository", "prod", "--for", "1h"), 2, "write CLUSTER/PATTERN"),
        (("open", "x", "--repository", "pord/a", "--for", "1h"), 2, 'did you mean "prod"?'),
        (("open", "x", "--repository", "prod/a b", "--for", "1h"), 2, "is not a repository id"),
        (("open", "x", "--repository", "prod/a b*", "--for", "1h"), 2, "can match no repository"),
        (("open", "x", "--repository", "[^q]*/a", "--for", "1h"), 2, "write [! for any character"),
        (("open", "x", "--repository", "prod/a", "--until", "2020-01-01"), 2, "is in the past"),
        (("open", "x", "--repository", "prod/a", "--until", "soon"), 2, "not a time"),
        (("open", "x", "--repository", "prod/a", "--for", "90"), 2, "a bare number has no unit"),
        (("open", "x", "--repository", "prod/a", "--for", "0s"), 2, "is not longer than zero"),
        (("open", "x", "--repository", "prod/a"), 2, "--for --until is required"),
        (("open", "x", "--for", "1h"), 2, "the file has no window of that name"),
        (("open", "laetr", "--for", "1h"), 2, 'did you mean "later"?'),
        (("open", "night", "--for", "1h"), 2, "night is open already"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    ledger: Ledger, ask: Ask, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """A name, an opening or a time that makes no sense is one line, and changes nothing."""
    assert_refused(ask(*arguments), code, complaint)
    assert ledger.overrides() == []


def test_a_planned_window_opens_with_its_own(ledger: Ledger, ask: Ask) -> None:
    """Without `--repository` the window of the file opens now, for what it is for."""
    done = ask("open", "later", "--for", "45m")
    (kept,) = ledger.overrides()
    status = json.loads(ask("status", "--output", "json").out)
    why = ask("why", "prod/orders").out
    closed = ask("close", "later")

    assert "later is open until" in done.out
    assert done.out.endswith("(in 45 min); paused until then: prod/*, prod/!archive\n")
    assert kept.targets == ()
    assert [opening["window"] for opening in status["open"]] == ["night", "later"]
    assert "later" in [opening["window"] for opening in status["next"]]
    assert ", by later, night, until " in why
    assert closed.code == 0
    assert "ends now" in closed.out


def test_a_window_that_is_switched_off_opens_by_hand(ask: Ask) -> None:
    """`enabled: false` is about the rule: a person may keep a window to open it when needed."""
    done = ask("open", "off", "--for", "1h")

    assert done.code == 0
    assert "off: matches, and is open until" in ask("why", "prod/orders").out


@pytest.mark.parametrize(("until", "said"), [("17:00", "tomorrow, Tue"), ("20:00", "Mon")])
def test_an_end_that_is_tomorrow_is_said(until: str, said: str) -> None:
    """At 19:26, 17:00 is tomorrow's: the confirmation says so, and how long that is."""
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 11, 30, 18, 26, 40, tzinfo=UTC)

    end = read_future("--until", until, zone, now).astimezone(zone)

    assert format_until(end, now).startswith(said)
    assert format_until(end, now).endswith(
        "(in 21 h 33 min)" if until == "17:00" else "(in 33 min)"
    )


def test_a_name_is_taken_while_it_is_open(ledger: Ledger, ask: Ask) -> None:
    """An unplanned window cannot be opened twice, but again after it was closed."""
    command = ("open", "patch", "--repository", "prod/a", "--for", "1h")
    ask(*command)

    second = ask(*command)
    ask("close", "patch")
    third = ask(*command)

    assert (second.code, third.code) == (2, 0)
    assert "patch is open already" in second.err
    assert len(ledger.overrides()) == 3
