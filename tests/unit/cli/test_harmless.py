"""Whatever text the ledger, the command line and the clusters hold: no command shows it raw."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest
import sqlalchemy as sa

from daemon.cli import completion, output
from daemon.cli import parser as arguments
from daemon.cli.main import main
from daemon.cli.reports import comparison, cost, history, status, tables
from daemon.cli.reports.history import HistoryEntry
from daemon.cli.reports.impact import Impact
from daemon.cli.reports.tables import (
    Row,
    columns,
    console,
    lay_out,
    show_rows,
    styled,
)
from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey, ScheduledRun
from daemon.core.unreachable import Unreachable
from daemon.errors import CbmaintdError, ConfigError, Fault
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig, Reading
from daemon.ledger.tables import METADATA
from daemon.monitoring.status import StatusReport, document
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Opening, Patterns
from tests.unit.nasty_text import EVERY, NASTY, filled, is_harmless

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
FILE = """\
clusters:
  prod: {url: "http://localhost:1", username: u, password_env: PATH}
windows:
  night:
    weekly: {days: [daily], start: 01:00, duration: 1h}
    repositories: {prod: ["*"]}
    description: "a \u202e b \u2066 c \u200b d"
"""
IN_LEDGER = EVERY.replace("\udcff", "\ud800")
"""A surrogate can only be in JSON there."""

ARGUMENT = EVERY.replace("\0", "")
"""The system passes no NUL on."""

LISTS = {"windows", "openings", "yielded", "running"}
TEXTS = {"cluster", "repository", "uuid", "reached", "last_error", "message", "by", "reason"}
TEXTS |= {"window", "member", "path"}
MACHINE = {"phase", "since", "until", "suspect_pause", "suspect_resume", "missing_since", "started"}
MACHINE |= {"catch_up", "next_attempt", "backup_due", "action", "outcome", "error", "kind", "start"}
MACHINE |= {"end", "made", "applied", "folder", "attached", "digest", "at"}
JSON = {"scheduled", "targets", "missed", "text"}


STOPPED = {
    "simulate": ("--latency", "x"),
    "demo": ("--seconds", "x"),
    "run": ("--log-level", "x"),
    "install-unit": ("--print",),
}


def harmless(text: str) -> list[str]:
    """Return the lines of what a command wrote, each of which is harmless; colours are ours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")
    assert [ascii(line) for line in lines if not is_harmless(line)] == []
    return lines


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Return the options that name a file, and a ledger into which somebody wrote anything."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(FILE)
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save_config(AppliedConfig("s.yaml", tmp_path, FILE.encode(), NOW))
        ledger.save(*_saved())
        ledger.note_unreachable({"prod": Unreachable("prod", "refused", "no", NOW)})
        ledger.note_reading(["s.yaml:1:1: no"])
        for kind in (OverrideKind.OPEN, OverrideKind.CLOSE):
            ledger.add_override(_decision(kind))
    _spoil(tmp_path / "ledger.db")
    return ("--config", f"{tmp_path}/s.yaml", "--ledger", f"sqlite:///{tmp_path}/ledger.db")


def _saved() -> tuple[list[Record], list[Attempt]]:
    record = Record(
        RepositoryKey("prod", "orders"),
        phase=Phase.PAUSED,
        windows=("night",),
        since=NOW - HOUR,
        until=NOW - HOUR / 2,
        running=("daily",),
        scheduled=(ScheduledRun(NOW, "daily", "BACKUP"),),
        last_error="no",
        next_attempt=NOW + HOUR,
    )
    attempt = Attempt(
        "prod", "orders", Action.PAUSE, ("night",), "POST", "http://x", 1, 500, Outcome.FAILED,
        CallError.SERVER_ERROR, "no", NOW - HOUR, timedelta(milliseconds=12),
    )  # fmt: skip
    return [record], [attempt]


def _decision(kind: OverrideKind) -> Override:
    ends = NOW + HOUR if kind is OverrideKind.OPEN else NOW
    targets = (("prod", Patterns(("*",))),)
    return Override(kind, "patch", NOW - HOUR, ends, NOW - HOUR, "ana@host", "why", targets)


def _spoil(file: Path) -> None:
    """Write a nasty text into every text of every table, as another program may."""
    listed = json.dumps([IN_LEDGER])
    values = dict.fromkeys(LISTS, listed) | dict.fromkeys(TEXTS, IN_LEDGER.replace("\ud800", ""))
    values["scheduled"] = json.dumps([[NOW.isoformat(), IN_LEDGER, IN_LEDGER]])
    values["targets"] = json.dumps([["prod", [IN_LEDGER, "*"]]])
    with sqlite3.connect(file) as connection:
        for table in METADATA.tables.values():
            for column in table.c:
                if column.name in values:
                    change = f'UPDATE "{table.name}" SET "{column.name}" = ?'  # noqa: S608
                    connection.execute(change, (values[column.name],))
        connection.execute("UPDATE record SET openings = '[]', yielded = '[]'")
        noted = {"error": IN_LEDGER, "message": IN_LEDGER, "since": NOW.isoformat()}
        connection.execute(
            "UPDATE meta SET value = ? WHERE name LIKE 'unreachable%'", (json.dumps(noted),)
        )
        connection.execute(
            "UPDATE meta SET value = ? WHERE name = 'reading'",
            (Reading("1", ()).text().replace("[]", listed),),
        )
    connection.close()


def test_every_column_of_text_is_known_here() -> None:
    """A new column has to be put into one of the sets above, and is then covered."""
    texts = {
        column.name
        for table in METADATA.tables.values()
        for column in table.c
        if not isinstance(column.type, sa.Integer | sa.LargeBinary)
    }

    assert texts - {"name", "value"} == LISTS | TEXTS | MACHINE | JSON | {"openings"}


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("status", "--output", "json"),
        ("history",),
        ("history", "--output", "json"),
        ("history", "--output", "csv"),
        ("calendar", "--days", "1"),
        ("calendar", "--days", "1", "--output", "json"),
        ("calendar", "--days", "1", "--output", "ics"),
        ("calendar", "--impact"),
        ("check",),
        ("why", "prod/orders"),
        ("extend", "night", "--for", "1h"),
        ("close", "night"),
        ("skip", "night", "--reason", EVERY),
        ("open", "x", "--repository", "prod/*", "--for", "1h", "--reason", EVERY),
        ("release",),
        ("reload",),
    ],
    ids=" ".join,
)
def test_what_the_ledger_holds_is_shown_harmless(
    places: tuple[str, ...],
    command: tuple[str, ...],
    colours: bool,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever wrote what into it, a command's output is visible text on lines of its own."""
    # Its progress moves the cursor about.
    if colours and command != ("release",):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("PAGER", "cat")

    main([*places, *command])

    said = capfd.readouterr()
    harmless(said.out.replace("\r\n", "\n") if "ics" in command else said.out)
    harmless(said.err)
    assert "a bug" not in said.err
    assert said.out + said.err != ""


def _arguments() -> Iterator[tuple[str, ...]]:
    """Return each command with a nasty text as the value of each of its arguments."""
    _, verbs = arguments.build()
    for name, verb in verbs.items():
        needed = [str(a.choices[0]) if a.choices else "x" for a in _positional(verb)]
        for index, action in enumerate(_positional(verb)):
            if not action.choices:
                yield (name, *needed[:index], ARGUMENT, *needed[index + 1 :])
        for action in verb._actions:
            if action.option_strings and action.nargs != 0:
                # What would start something for good, or install it here, does not come so far.
                yield (name, *needed, action.option_strings[-1], ARGUMENT, *STOPPED.get(name, ()))


def _positional(verb: argparse.ArgumentParser) -> list[Any]:
    return [action for action in verb._actions if not action.option_strings]


@pytest.mark.parametrize("command", [*_arguments()], ids=lambda words: ascii(" ".join(words))[:40])
def test_an_argument_is_shown_harmless(
    command: tuple[str, ...], places: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """What a script passes on, from wherever it has it, is not repeated raw by an error."""
    code = main([*places, *command])

    said = capfd.readouterr()
    harmless(said.out)
    errors = harmless(said.err)
    assert "a bug" not in said.err
    assert code != 2 or len(errors) == 2


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_one_line_stays_one_line(nasty: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A text cannot begin a line of its own, on stdout, on stderr, in a table or in a cell."""
    text = f"a{nasty}b"
    output.say(text)
    output.warn(text)
    for line in columns(("TITLE", "TWO"), [((text, text), "")]):
        output.say(line)
    console().print(*(line for row in lay_out(("T",), [Row((text,), text)], None) for line in row))
    show_rows(("TITLE",), [Row((text,), text)])
    console().print(styled(text))

    said = capsys.readouterr()
    assert len(harmless(said.out)) == 8
    assert len(harmless(said.err)) == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda text: [*status.render(filled(StatusReport, text))],
        lambda text: history.show([filled(HistoryEntry, text)], tables_zone(), ""),
        lambda text: output.write_json(document(filled(StatusReport, text))),
        lambda text: output.write_csv(
            history.COLUMNS, [history.cells(HistoryEntry(NOW, filled(Override, text)))]
        ),
        lambda text: cost.show([filled(Impact, text)], tables_zone()),
        lambda text: output.write_json(cost.document([filled(Impact, text)], ())),
        lambda text: comparison.show(comparison.compare([filled(Opening, text)], []), [text], 3),
    ],
)
def test_a_report_is_harmless_in_every_field(
    act: Callable[[str], Iterable[Any] | None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in those that no command can be made to fill here, and in those to come."""
    lines = act(EVERY)
    if lines:
        tables.console().print(*lines, sep="\n")

    assert len(harmless(capsys.readouterr().out)) > 1


def tables_zone() -> Any:
    """Return a zone."""
    return filled(Opening, "x").zone


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1"])
def test_a_spreadsheet_computes_nothing(start: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A text that would be a formula gets an apostrophe; numbers stay numbers."""
    output.write_csv(("text", "number"), [{"text": start, "number": -1}])

    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row == {"text": f"'{start}", "number": "-1"}


def test_a_calendar_program_gets_what_rfc_5545_allows(
    places: tuple[str, ...], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Every line ends with CRLF and has no control character; texts are escaped as they must be."""
    main([*places, "calendar", "--days", "1", "--output", "ics"])

    text = capfdbinary.readouterr().out.decode()
    assert all(is_harmless(line) for line in text.split("\r\n"))
    (event, *_) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert "prod: *" in str(event["description"]).split("\n")[-1]


@pytest.mark.parametrize(
    "error",
    [
        CbmaintdError(EVERY),
        ConfigError(EVERY, (Fault(1, 2, EVERY, EVERY), Fault(3, 4, EVERY, EVERY))),
        OSError(5, EVERY),
        RuntimeError(EVERY),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_a_line(
    error: Exception, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a server, a calendar file or a database says in it."""

    def fail(_arguments: object) -> None:
        raise error

    monkeypatch.setattr(arguments, "read", fail)

    main(["status"])

    lines = harmless(capfd.readouterr().err)
    assert len(lines) == 1 + (2 if isinstance(error, ConfigError) else 1)


def test_a_shell_is_offered_names_alone() -> None:
    """It prints what it is offered as it is, into the line that somebody is typing."""
    complete = completion._quiet(lambda _arguments, _environ: ["night", *NASTY.values()], {})

    assert complete(parsed_args=argparse.Namespace()) == ["night"]
