"""`cbmaintd history`: what was done and decided, for programs and for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.cli.reports.history import COLUMNS
from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.summary import News, ProgressNote
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from tests import manual
from tests.unit.cli.commands.planned import Ask, assert_refused
from tests.unit.cli.ended import Ended, ended

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOON = NOW.replace(hour=12, minute=0, second=0) - 24 * HOUR


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger that a daemon, this process, has open."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        yield ledger


@pytest.fixture
def ask(tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a way to run a command beside that daemon; times are in UTC."""
    assert ledger.records() == []

    def run(*arguments: str) -> Ended:
        return ended(capsys, "--ledger", f"sqlite:///{tmp_path}/ledger.db", *arguments)

    return run


def attempt(id_: str, at: datetime, error: CallError | None = None, message: str = "") -> Attempt:
    """Build a pause that was sent."""
    return Attempt(
        cluster="prod",
        repository=id_,
        action=Action.PAUSE,
        windows=("night",),
        method="POST",
        url="http://localhost:1/",
        attempt=2,
        status=503 if error else 200,
        outcome=Outcome.FAILED if error else Outcome.OK,
        error=error,
        message=message,
        started=at,
        duration=timedelta(milliseconds=7),
    )


def test_history_tells_what_was_done(ledger: Ledger, ask: Ask) -> None:
    """Requests and people's decisions stand in their order, failed ones with what was said."""
    ledger.save([], [attempt("orders", NOW - 3 * HOUR, CallError.SERVER_ERROR, "[bold]no leader")])
    ledger.save([], [attempt("tenant-a", NOW - 2 * HOUR)])
    ledger.add_override(
        Override(OverrideKind.CLOSE, "night", NOW - HOUR, NOW, NOW - MINUTE, "ana@host", "done")
    )

    everything = json.loads(ask("history", "--output", "json").out)
    recent = json.loads(ask("history", "--output", "json", "--since", "150m").out)
    one = json.loads(ask("history", "--output", "json", "--repository", "prod/orders").out)
    table = ask("history").words

    assert [event["action"] for event in everything] == ["pause", "pause", "close"]
    assert everything[0] == {
        "at": (NOW - 3 * HOUR).isoformat(),
        "cluster": "prod",
        "repository": "orders",
        "action": "pause",
        "windows": ["night"],
        "attempt": 2,
        "outcome": "failed",
        "status": 503,
        "error": "server_error",
        "message": "[bold]no leader",
        "duration_ms": 7,
    }
    assert (everything[2]["by"], everything[2]["reason"]) == ("ana@host", "done")
    assert len(recent) == 2
    assert [event["action"] for event in one] == ["pause", "close"]
    assert "server_error" in table
    assert "[bold]no leader" in table


def test_history_of_failures_and_of_late(ledger: Ledger, ask: Ask) -> None:
    """Only what failed, and only the last few of it, can be asked for."""
    for hours, error in ((4, CallError.TIMEOUT), (3, CallError.DNS), (2, CallError.TLS), (1, None)):
        ledger.save([], [attempt("orders", NOW - hours * HOUR, error)])

    failed = json.loads(ask("history", "--output", "json", "--failed").out)
    last = json.loads(ask("history", "--output", "json", "--failed", "--limit", "2").out)
    newest = json.loads(ask("history", "--output", "json", "--limit", "1").out)

    assert [event["error"] for event in failed] == ["timeout", "dns", "tls"]
    assert last == failed[1:]
    assert [event["error"] for event in newest] == [None]


def test_history_of_a_time_and_a_window(ledger: Ledger, ask: Ask) -> None:
    """What was before a time, and what is about a window, can be asked for; pages are so turned."""
    for hours, window in ((4, "night"), (3, "day"), (2, "night"), (1, "night")):
        about = replace(attempt("orders", NOW - hours * HOUR), windows=(window,))
        ledger.save([], [about])
    ledger.add_override(
        Override(OverrideKind.CLOSE, "day", NOW - HOUR, NOW, NOW - MINUTE, "ana@host", "done")
    )

    page = json.loads(ask("history", "--output", "json", "--window", "night", "--limit", "2").out)
    before = json.loads(
        ask("history", "--output", "json", "--window", "night", "--until", page[0]["at"]).out
    )
    day = json.loads(ask("history", "--output", "json", "--window", "day", "--until", "1s").out)

    assert [event["at"] for event in page] == [at(2), at(1)]
    assert [event["at"] for event in before] == [at(4)]
    assert [event["action"] for event in day] == ["pause", "close"]


def at(hours: int) -> str:
    """Return the time so many hours ago as JSON has it."""
    return (NOW - hours * HOUR).isoformat()


def test_history_for_a_spreadsheet(ledger: Ledger, ask: Ask) -> None:
    """As CSV each event is a line, whatever is said in it; what it does not have is empty."""
    said = 'no "leader",\nsorry'
    ledger.save([], [attempt("orders", NOW - 3 * HOUR, CallError.SERVER_ERROR, said)])
    ledger.add_override(
        Override(OverrideKind.CLOSE, "night", NOW - HOUR, NOW, NOW - MINUTE, "ana@host", "done")
    )

    request, decision = csv.DictReader(io.StringIO(ask("history", "--output", "csv").out))

    shown = 'no "leader",\\nsorry'
    assert (request["repository"], request["message"], request["by"]) == ("orders", shown, "")
    assert (decision["action"], decision["windows"], decision["by"]) == (
        "close",
        "night",
        "ana@host",
    )
    assert decision["repository"] == ""


def test_the_manual_has_every_key_of_the_history() -> None:
    """What programs may read of the history stands in the manual."""
    rows = manual.table("commands", "of a request", "of a decision")
    spans = [span for row in rows for cell in row[:2] for span in manual.code(cell)]
    assert {word for span in spans for word in span.split()} >= {*COLUMNS}


def test_an_empty_history_says_so(ask: Ask) -> None:
    """Where nothing was done, that is said with the time since when."""
    done = ask("history", "--since", "2h")

    assert "nothing was done since" in done.out
    assert done.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing was done since"),
        (("--failed",), "no request to a repository failed since"),
        (("--window", "w"), "nothing that matches since"),
        (("--repository", "prod/orders", "--failed"), "nothing that matches since"),
        (("--until", "1h"), "nothing that matches since"),
    ],
)
def test_an_empty_history_says_what_there_is_nothing_of(
    ask: Ask, arguments: tuple[str, ...], said: str
) -> None:
    """What was asked for is what there is nothing of."""
    assert ask("history", *arguments).out.startswith(said)


@pytest.mark.parametrize("arguments", [("--since", "1h", "--until", "2h"), ("--until", "300d")])
def test_a_time_that_ends_before_it_begins_is_bad_usage(
    ask: Ask, arguments: tuple[str, ...]
) -> None:
    """An empty answer would look as if nothing had been done then."""
    done = ask("history", *arguments)

    assert (done.code, done.out) == (2, "")
    assert f"--until {arguments[-1]} is before " in done.err


def test_long_names_and_long_words_are_whole(
    ledger: Ledger, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 80 columns no name is broken, and what a server or a person said has its own lines."""
    monkeypatch.setenv("COLUMNS", "80")
    ids = "billing-archive-emea-00", "device-firmware-upgrade-emea"
    said = "the leader is gone, and nobody knows when there will be another one of its kind"
    ledger.save([], [attempt(ids[0], NOON, CallError.SERVER_ERROR, said), attempt(ids[1], NOON)])
    reason = "because the switch in rack 7 has to be replaced before the auditors come again"
    ledger.add_override(
        Override(OverrideKind.CLOSE, "night", NOON, NOON, NOON + HOUR, "ana@host", reason)
    )

    done = ask("history")
    lines = done.out.splitlines()

    assert max(map(len, lines)) <= 80
    assert all(any(id_ in line for line in lines) for id_ in ids)
    assert "server_error, attempt 2" in done.out
    assert "\n    the leader is gone, " in done.out
    assert said in done.words
    assert "until 12:00, by ana@host\n    because the switch" in done.out
    assert reason in done.words


def test_in_a_pipe_an_event_is_a_line(ledger: Ledger, ask: Ask) -> None:
    """Where nobody says how wide, each event is one line with all that was said."""
    said = "no leader,\nand none to come"
    id_ = "r" * 90
    ledger.save([], [attempt(id_, NOON, CallError.SERVER_ERROR, said), attempt("b", NOON)])

    _, first, second = ask("history").out.splitlines()

    assert f"prod/{id_}  pause  night" in first
    assert first.endswith("no leader,\\nand none to come")
    assert second.endswith("ok, attempt 2")


def test_another_day_is_named(ledger: Ledger, ask: Ask) -> None:
    """A time on the day of the decision is a time of day; on another it has its date."""
    for end in (NOON + HOUR, NOON + 24 * HOUR):
        ledger.add_override(Override(OverrideKind.EXTEND, "night", NOON, end, NOON, "ana@host"))
    ledger.add_override(Override(OverrideKind.SKIP, "night", NOON, None, NOON, "ana@host"))

    out = ask("history").out

    assert "until 13:00, by" in out
    assert f"until {NOON + 24 * HOUR:%a %F} 12:00, by" in out
    assert "not 12:00, by" in out


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("history", "--repository", "orders"), 2, "write CLUSTER/REPOSITORY"),
        (("history", "--since", "once"), 2, "not a time"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    ledger: Ledger, ask: Ask, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """A name, an opening or a time that makes no sense is one line, and changes nothing."""
    assert_refused(ask(*arguments), code, complaint)
    assert ledger.overrides() == []


def test_an_opening_is_told_in_full_or_not_at_all(ledger: Ledger, ask: Ask) -> None:
    """A person ended one before its time: it ended before then, or all of its notes count."""
    start, planned, closed = NOW - 2 * HOUR, NOW + HOUR, NOW - HOUR
    keys = ("prod", "night", start)
    first = ProgressNote(*keys, planned, start + MINUTE, 1, 1, 0, is_listed=True)
    last = replace(first, end=closed, at=closed + MINUTE, paused=0, resumed=1)
    ledger.save([], [], [News("prod", None, (first, last))])

    later = ask("history", "--openings", "--since", "30m")
    both = json.loads(ask("history", "--openings", "--since", "90m", "--output", "json").out)

    assert later.out.startswith("no opening since ")
    assert [(each["paused"], each["resumed"]) for each in both] == [(1, 1)]


def test_an_extended_opening_is_told_from_its_start(ledger: Ledger, ask: Ask) -> None:
    """What was noted before its end was moved tells how long the pauses took."""
    start = NOW - 2 * HOUR
    first = ProgressNote(
        "prod", "night", start, NOW - HOUR, start + MINUTE, 1, 1, 0, is_listed=True
    )
    last = replace(first, end=NOW + HOUR, at=NOW - 30 * MINUTE)
    ledger.save([], [], [News("prod", None, (first, last))])

    (found,) = json.loads(ask("history", "--openings", "--since", "40m", "--output", "json").out)

    assert found["paused_after_ms"] == 60_000
