"""`open`: what is kept of an unplanned window, who sees it, and what is refused."""

from __future__ import annotations

import json

import pytest

from daemon.ledger.ledger import Ledger
from daemon.windows.overrides import OverrideKind
from daemon.windows.window import Patterns
from tests.unit.cli.commands.planned import HOUR, MINUTE, NOW, Ask


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
    assert "prod/archive is to be paused by patch" in why.out
    assert "ends now" in closed.out
    assert "prod/archive is not to be paused" in after.out


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("open", "night", "--repository", "prod/a", "--for", "1h"), 2, "the file has a window"),
        (("open", "b d", "--repository", "prod/a", "--for", "1h"), 2, "not a name for a window"),
        (("open", "x", "--repository", "prod", "--for", "1h"), 2, "write CLUSTER/PATTERN"),
        (("open", "x", "--repository", "pord/a", "--for", "1h"), 2, 'did you mean "prod"?'),
        (("open", "x", "--repository", "prod/a", "--until", "2020-01-01"), 2, "that is past"),
        (("open", "x", "--repository", "prod/a", "--until", "soon"), 2, "not a time"),
        (("open", "x", "--repository", "prod/a", "--for", "90"), 2, "a bare number has no unit"),
        (("open", "x", "--repository", "prod/a", "--for", "0s"), 2, "no time at all"),
        (("open", "x", "--repository", "prod/a"), 2, "--for --until is required"),
        (("open", "x", "--for", "1h"), 2, "--repository"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    ledger: Ledger, ask: Ask, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """A name, an opening or a time that makes no sense is one line, and changes nothing."""
    done = ask(*arguments)

    assert complaint in done.err
    assert done.code == code
    assert len(done.err.splitlines()) == 1
    assert ledger.overrides() == []


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
