"""`cbmaintd calendar --impact`: what the openings cost, as the clusters tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.reports import cost
from daemon.cli.reports.impact import Impact, LostRuns
from daemon.core.repository import RepositoryKey
from daemon.simulator.server import Simulator
from tests.unit.cli.ended import Ended, ended

PASSWORD = "correct horse"
FILE = """\
clusters:
  a: {{url: "{url}", username: u, password_env: PW, retry: {{attempts: 1}}}}
windows:
  all-day:
    weekly: {{days: [daily], start: 00:00, duration: 24h}}
    repositories: {{a: [orders]}}
  none:
    once: {{start: 2020-01-01T00:00, duration: 1h}}
    repositories: {{a: [archive]}}
"""

Ask = Callable[..., Ended]


@pytest.fixture
def service() -> Iterator[Simulator]:
    """Return a service with two repositories, backed up each day."""
    with Simulator(["orders", "archive"], {"u": (PASSWORD, "backup_admin")}) as simulator:
        yield simulator


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return a way to ask what the openings of a file cost."""
    monkeypatch.setenv("PW", PASSWORD)
    file = tmp_path / "schedules.yaml"
    ledger = f"sqlite:///{tmp_path}/ledger.db"

    def run(url: str, *arguments: str) -> Ended:
        file.write_text(FILE.format(url=url))
        return ended(
            capsys, "-c", str(file), "--ledger", ledger, "calendar", "--impact", *arguments
        )

    return run


def test_lost_runs_and_gaps_are_told(ask: Ask, service: Simulator) -> None:
    """Each run of what is wanted is listed with its window, and so is the gap between backups."""
    found = ask(service.url, "--days", "7", "--output", "json").document

    assert {run["repository"] for run in found["lost"]} == {"orders"}
    assert {run["task_type"] for run in found["lost"]} == {"BACKUP", "MERGE"}
    assert [tuple(run["windows"]) for run in found["lost"]] == [("all-day",)] * len(found["lost"])
    assert [(gap["repository"], gap["is_open"]) for gap in found["gaps"]] == [("orders", True)]
    assert found["failed"] == []


def test_a_person_reads_it_as_tables(ask: Ask, service: Simulator) -> None:
    """Lost runs and gaps are tables, with the zone of each time."""
    said = ask(service.url, "--days", "7").words

    assert "RUNS LOST REPOSITORY TASK WINDOWS" in said
    assert "a/orders backup_monday (BACKUP) all-day" in said
    assert "at least" in said


def test_of_very_many_runs_programs_get_the_first_and_the_number() -> None:
    """Ten thousand repositories that lose a run a minute fill neither memory nor a document."""
    at = datetime(2026, 11, 23, 2, tzinfo=UTC)
    times = tuple(at + timedelta(minutes=number) for number in range(10_000))
    keys = tuple(RepositoryKey("a", f"r{number:04}") for number in range(10_000))

    found: dict[str, Any] = cost.document(
        [Impact((LostRuns("m", "BACKUP", ("w",), times, keys),), (), ())], ()
    )

    assert found["lost_total"] == 100_000_000
    assert len(found["lost"]) == cost.MOST_LISTED
    assert found["lost"][-1]["repository"] == "r9999"
    assert {run["at"] for run in found["lost"]} == {at.isoformat()}


def test_in_a_pipe_a_row_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs of a task are one row, and the row is one line for `grep`, however long."""
    monkeypatch.delenv("COLUMNS", raising=False)
    at = datetime(2026, 11, 23, 2, tzinfo=UTC)
    keys = tuple(RepositoryKey("a", f"{letter * 60}") for letter in "xyz")
    runs = LostRuns("nightly", "BACKUP", ("w" * 60,), (at, at + timedelta(hours=1)), keys)

    cost.show([Impact((runs,), (), ())], ZoneInfo("UTC"))

    _, row = capsys.readouterr().out.splitlines()
    assert " ".join(row.split()) == (
        "6 Mon 2026-11-23 02:00 UTC to Mon 2026-11-23 03:00 UTC"
        f" {', '.join(map(str, keys))} nightly (BACKUP) {'w' * 60}"
    )


def test_no_loss_is_said(ask: Ask, service: Simulator) -> None:
    """A window that takes nothing is told in a sentence."""
    done = ask(service.url, "--window", "none")

    assert (done.code, done.out) == (0, "No run falls into these openings.\n")


def test_no_loss_is_claimed_of_what_is_paused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The service names no run of what is paused, so that there may be runs nobody knows of."""
    cost.show([Impact((), (), (RepositoryKey("a", "x"),))], ZoneInfo("UTC"))

    assert capsys.readouterr().out.splitlines() == [
        "No known run falls into these openings.",
        "Paused now, so nothing is known about them: a/x",
    ]


def test_a_cluster_that_does_not_answer_is_named(ask: Ask) -> None:
    """What could not be asked is an error, and never looks as if nothing were lost."""
    done = ask("http://127.0.0.1:1")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("cbmaintd: a: ")
    assert done.err.count("\n") == 1


def test_there_is_no_such_calendar_file(ask: Ask) -> None:
    """What openings cost cannot be given to a calendar program."""
    done = ask("http://127.0.0.1:1", "--output", "ics")

    assert done.code == 2
    assert "--impact" in done.err


def test_a_run_names_as_many_windows_as_anyone_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """Of thirty windows that cost a run twenty are named, and the rest is counted."""
    windows = tuple(f"w{number}" for number in range(30))
    at = datetime(2026, 11, 23, 2, tzinfo=UTC)
    runs = LostRuns("nightly", "BACKUP", windows, (at,), (RepositoryKey("a", "orders"),))

    cost.show([Impact((runs,), (), ())], ZoneInfo("UTC"))

    said = " ".join(capsys.readouterr().out.split())
    assert "and 10 more" in said
    assert "w29" not in said
