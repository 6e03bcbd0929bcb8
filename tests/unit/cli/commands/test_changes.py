"""`close`, `extend` and `skip` on the ledger of a running daemon."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemon.ledger.ledger import Ledger
from tests.unit.cli.commands.planned import HOUR, MINUTE, NOW, Ask, assert_refused


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("close", "nihgt"), 2, 'did you mean "night"?'),
        (("close", "later"), 1, ": to cancel that, use skip (open now: night)"),
        (("close", "over"), 1, "is not open now (open now: night)"),
        (("extend", "later", "--for", "1h"), 1, ": to open it now, use open (open now: night)"),
        (("extend", "night", "--until", "2020-01-01T00:00"), 2, "is in the past"),
        (("skip", "night"), 1, "does not open again"),
        (("skip", "later", "--opening", "2020-01-01"), 2, "does not open then; it opens"),
        (("skip", "night", "--opening", (NOW - HOUR).isoformat()), 1, "to end it, use close"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    ledger: Ledger, ask: Ask, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """A name, an opening or a time that makes no sense is one line, and changes nothing."""
    assert_refused(ask(*arguments), code, complaint)
    assert ledger.overrides() == []


def test_extend_moves_the_end(ledger: Ledger, ask: Ask) -> None:
    """`--for` adds to the planned end, `--until` names another, and the last one counts."""
    first = ask("extend", "night", "--for", "30m")
    ask("extend", "night", "--until", (NOW + 5 * HOUR).isoformat())
    status = json.loads(ask("status", "--output", "json").out)

    assert "night now ends" in first.out
    assert ledger.overrides()[0].end == NOW + HOUR + 30 * MINUTE
    assert datetime.fromisoformat(status["open"][0]["end"]) == NOW + 5 * HOUR


def test_an_end_that_is_too_far_away_is_warned_about(ledger: Ledger, ask: Ask) -> None:
    """Beyond `max_pause` each hold becomes an error; that is said with `extend` as with `open`."""
    near = ask("extend", "night", "--for", "30h")
    far = ask("extend", "night", "--for", "10h")

    assert (near.code, near.err) == (0, "")
    assert (far.code, far.err) == (0, "cbmaintd: that is longer than max_pause (1d12h) allows\n")
    assert len(ledger.overrides()) == 2


def test_until_takes_a_time_of_day(ledger: Ledger, ask: Ask) -> None:
    """`--until 18:00` is the next time the clock in the file's zone shows that."""
    ask("open", "patch", "--repository", "prod/a", "--until", "18:00")
    (kept,) = ledger.overrides()

    assert kept.end is not None
    assert timedelta(0) < kept.end - NOW <= 24 * HOUR + MINUTE
    assert kept.end.minute == 0


def test_skip_cancels_an_opening(ask: Ask) -> None:
    """The next opening, or the one named by its day or its start, does not open."""
    done = ask("skip", "later")
    status = json.loads(ask("status", "--output", "json").out)
    again = ask("skip", "later")

    assert "later will not open" in done.out
    assert "later" not in [opening["window"] for opening in status["next"]]
    assert [opening["window"] for opening in status["skipped"]] == ["later"]
    assert again.code == 1
    assert "is skipped already, by " in again.err


def test_a_repeated_skip_does_not_cancel_the_week_after(ledger: Ledger, ask: Ask) -> None:
    """A bare `skip` right after another asks for `--opening`, and names one to give."""
    ask("skip", "elsewhere")

    again = ask("skip", "elsewhere")
    (kept,) = ledger.overrides()
    named = ask("skip", "elsewhere", "--opening", again.err.split()[-1])

    assert again.code == 2
    assert f"is skipped already, by {kept.by}: to cancel another opening as well" in again.err
    assert named.code == 0
    assert [each.start for each in ledger.overrides()] == [kept.start, kept.start + 24 * HOUR]


def test_what_cannot_be_skipped_says_why(ask: Ask) -> None:
    """An opening that is over needs nothing; for one that is open there is another command."""
    past, now = ask("skip", "over", "--opening", "2020-01-01"), ask("skip", "night")
    over = ask("skip", "elsewhere", "--opening", f"{NOW - 48 * HOUR:%Y-%m-%d}")

    assert "over does not open then" in past.err
    assert "is over: there is nothing to cancel" in over.err
    assert "night does not open again within 400 days: to end what is open now" in now.err


def test_a_skip_is_taken_back(ledger: Ledger, ask: Ask) -> None:
    """What `skip` says to type opens the opening after all, and nothing is left to take back."""
    skipped = ask("skip", "later")
    command = skipped.out.split("cbmaintd ")[1].split()

    back = ask(*command, "--reason", "no: later")
    status = json.loads(ask("status", "--output", "json").out)
    again = ask("unskip", "later")

    assert command[:3] == ["unskip", "later", "--opening"]
    assert back.out.startswith("later opens ")
    assert " after all, until " in back.out
    assert [each.reason for each in ledger.overrides()] == ["", "no: later"]
    assert "later" in [opening["window"] for opening in status["next"]]
    assert "skipped" not in status
    assert (again.code, "no opening to come of later is skipped" in again.err) == (1, True)


def test_of_several_skips_one_is_named(ledger: Ledger, ask: Ask) -> None:
    """Where two openings are cancelled, `unskip` asks which; with its day or start it knows."""
    ask("skip", "elsewhere")
    ask("skip", "elsewhere", "--opening", ask("skip", "elsewhere").err.split()[-1])

    asked = ask("unskip", "elsewhere")
    named = ask("unskip", "elsewhere", "--opening", asked.err.split()[-1])
    last = ask("unskip", "elsewhere")

    assert (asked.code, named.code, last.code) == (2, 0, 0)
    assert "elsewhere has 2 openings that are skipped: name one with --opening: " in asked.err
    kinds = [each.kind for each in ledger.overrides()]
    assert kinds == ["skip", "skip", "unskip", "unskip"]
    assert len({each.start for each in ledger.overrides()}) == 2


def test_what_is_skipped_stays_visible(ledger: Ledger, ask: Ask) -> None:
    """Status, calendar and `why` say of a cancelled opening by whom, when and why."""
    ask("skip", "later", "--reason", "audit")
    (kept,) = ledger.overrides()

    status, why = ask("status").out, ask("why", "prod/orders").out
    table = ask("calendar", "--days", "2").out
    (listed,) = (
        each
        for each in json.loads(ask("calendar", "--days", "2", "--output", "json").out)
        if each["window"] == "later"
    )

    for said in (status, why, table):
        assert f"skipped by {kept.by}, " in " ".join(said.split())
        assert ": audit" in said
    assert listed["skipped"].keys() == {"by", "at", "reason"}
    assert (listed["skipped"]["by"], listed["skipped"]["reason"]) == (kept.by, "audit")
    assert datetime.fromisoformat(listed["skipped"]["at"]) == kept.made
    assert datetime.fromisoformat(listed["start"]) == NOW + 2 * HOUR


def test_a_skipped_opening_is_a_cancelled_event(ask: Ask) -> None:
    """A calendar program is told that the event does not take place; others stay as they are."""
    ask("skip", "later")

    calendar = ask("calendar", "--days", "2", "--output", "ics").out
    cancelled = [each for each in calendar.split("BEGIN:VEVENT") if "STATUS:CANCELLED" in each]

    assert len(cancelled) == 1
    assert "UID:later@" in cancelled[0]


def test_each_decision_is_a_revision_of_the_event(ask: Ask) -> None:
    """Otherwise a calendar program keeps what it has: the identity and all dates are the same."""
    revisions = []
    for decision in (["extend", "night", "--for", "5m"], ["skip", "later"], ["unskip", "later"]):
        ask(*decision)
        events = ask("calendar", "--days", "2", "--output", "ics").out.split("BEGIN:VEVENT")
        numbers = {each.partition("UID:")[2].partition("@")[0]: each for each in events}
        revisions.append(
            [int(numbers[name].partition("SEQUENCE:")[2][0]) for name in ("night", "later")]
        )

    assert revisions == [[1, 0], [1, 1], [1, 2]]


def test_confirmations_say_how_long_and_what_comes(ask: Ask) -> None:
    """`extend` and `close` say by how much, and what becomes of what is held."""
    extended = ask("extend", "night", "--for", "30m")
    closed = ask("close", "night")

    assert "night now ends " in extended.out
    assert "(in 1 h " in extended.out
    assert "30 min later than before; what it holds stays paused until then" in extended.out
    assert "ends now, after 1 h" in closed.out
    assert "of 2 h 30 min; what no other window holds is resumed" in closed.out


@pytest.mark.parametrize("length", [len("2026-01-31"), None], ids=["day", "start"])
def test_what_is_skipped_already_is_told(ledger: Ledger, ask: Ask, length: int | None) -> None:
    """Who names an opening that was skipped hears by whom, and nothing is changed."""
    coming = json.loads(ask("status", "--output", "json").out)["next"]
    start = next(each for each in coming if each["window"] == "later")["start"]
    command = ("skip", "later", "--opening", start[:length])
    ask(*command)
    (kept,) = ledger.overrides()

    again = ask(*command)

    assert again.code == 1
    assert again.err.endswith(f" is skipped already, by {kept.by}\n")
    assert ledger.overrides() == [kept]


def test_skip_takes_a_day_or_a_start(ledger: Ledger, ask: Ask) -> None:
    """An opening to skip is named by the local day on which it opens, or by its start."""
    by_start = ask("skip", "later", "--opening", (NOW + 2 * HOUR).isoformat())
    coming = json.loads(ask("status", "--output", "json").out)["next"]
    day = next(o for o in coming if o["window"] == "elsewhere")["start"][:10]
    by_day = ask("skip", "elsewhere", "--opening", day)

    assert (by_start.code, by_day.code) == (0, 0)
    assert [override.window for override in ledger.overrides()] == ["later", "elsewhere"]


def test_the_ledger_is_enough(tmp_path: Path, ledger: Ledger, ask: Ask) -> None:
    """With `--ledger`, `close` and `history` need no valid file: the last good one will do."""
    (tmp_path / "s.yaml").write_text("windows: [")

    closed = ask("close", "night")
    history = ask("history")

    assert (closed.code, history.code) == (0, 0)
    assert ledger.overrides()[0].window == "night"
    assert "close" in history.out


def test_who_decides_alone_is_told(tmp_path: Path, ledger: Ledger, ask: Ask) -> None:
    """Without a daemon on the ledger a decision is kept, and that nobody acts yet is said."""
    ledger.close()

    done = ask("close", "night")
    waiting = ask("open", "x", "--repository", "prod/a", "--for", "1h", "--wait")

    assert done.code == 0
    assert "no daemon runs on this ledger" in done.err
    assert waiting.code == 1
    assert tmp_path.exists()


@pytest.mark.parametrize(("reason", "code"), [("x" * 500, 0), ("x" * 501, 2), ("\x1b" * 126, 2)])
def test_a_reason_is_bounded(ask: Ask, reason: str, code: int) -> None:
    """Five hundred characters as they are shown are a reason; more are refused, and not cut."""
    said = ask("close", "night", "--reason", reason)

    assert said.code == code
    assert ("at most 500 are allowed" in said.err) is (code == 2)
    assert len(said.err) < 300
