"""`cbmaintd status`: what it reads from the ledger, as one JSON document and as people read it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import main
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.unreachable import Unreachable
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
from tests.unit.cli.ended import Ended, ended

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


Status = Callable[..., Ended]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the ledger is."""
    return tmp_path / "ledger.db"


def opened(file: Path) -> Ledger:
    """Open the ledger as a daemon does."""
    return open_ledger(f"sqlite:///{file}", Access.DAEMON)


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    """Return a ledger that a daemon, this process, has open."""
    with opened(file) as ledger:
        yield ledger


@pytest.fixture
def status(file: Path, capsys: pytest.CaptureFixture[str]) -> Status:
    """Return a way to ask for the state of the ledger."""

    def run(*arguments: str) -> Ended:
        return ended(capsys, "--ledger", f"sqlite:///{file}", "status", *arguments)

    return run


def applied(ledger: Ledger, *windows: str) -> None:
    """Put windows in force: lines of the file, as `once` gives them."""
    head = 'clusters:\n  a: {url: "http://localhost:1", username: u, password_file: gone}\n'
    text = f"{head}windows:\n{''.join(windows)}"
    ledger.save_config(AppliedConfig("s.yaml", Path("/nowhere"), text.encode(), NOW))


def once(name: str, start: datetime, end: datetime) -> str:
    """Write a window that opens once, shown in New York."""
    return (
        f'  {name}:\n    once: {{start: "{start.isoformat()}", end: "{end.isoformat()}"}}\n'
        '    timezone: America/New_York\n    repositories: {a: ["*"]}\n'
    )


def hold(id_: str = "orders", **keys: Any) -> Record:
    """Return a hold that is an hour old and has an hour to go, but for *keys*."""
    usual: dict[str, Any] = {
        "phase": Phase.PAUSED,
        "windows": ("night",),
        "since": NOW - HOUR,
        "until": NOW + HOUR,
    }
    return Record(RepositoryKey("a", id_), **(usual | keys))


def test_json_tells_everything(ledger: Ledger, status: Status) -> None:
    """The document has the daemon, what is open, what opens next, and each hold."""
    applied(
        ledger,
        once("later", NOW + 2 * HOUR, NOW + 3 * HOUR),
        once("soon", NOW + HOUR, NOW + 2 * HOUR),
        once("night", NOW - HOUR, NOW + HOUR),
        once("over", NOW - 3 * HOUR, NOW - 2 * HOUR),
    )
    ledger.save([hold(last_error="timeout", next_attempt=NOW + MINUTE)])

    document = status("--output", "json").document

    assert list(document) == ["daemon", "open", "next", "holds"]
    assert set(document["daemon"]) == {"running", "pid", "host", "since", "config"}
    assert [opening["window"] for opening in document["open"]] == ["night"]
    assert [opening["window"] for opening in document["next"]] == ["soon", "later"]
    assert document["holds"] == [
        {
            "cluster": "a",
            "repository": "orders",
            "phase": "paused",
            "since": (NOW - HOUR).isoformat(),
            "windows": ["night"],
            "last_error": "timeout",
            "next_attempt": (NOW + MINUTE).isoformat(),
            "running": [],
        }
    ]


def test_long_lines_above_the_tables_go_on_indented(
    ledger: Ledger, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 60 columns nobody takes the rest of a message, a fault or a list for a line of its own."""
    monkeypatch.setenv("COLUMNS", "60")
    message = "Connection refused (http://backup1.prod.example.com:8097/)"
    ledger.note_unreachable({"prod": Unreachable("prod", "refused", message, NOW)})
    ledger.note_reading(["schedules.yaml:11:15: windows.a.catch_up: is not allowed: none or other"])
    ledger.save([hold(f"a-long-name-{n}", phase=None, backup_due=NOW) for n in range(4)])

    lines = status().out.splitlines()

    assert max(map(len, lines)) <= 60
    begins = (
        "The daemon",
        "prod is",
        "The file",
        "  schedules.yaml",
        "    ",
        "Backups",
        "No rep",
    )
    assert [line for line in lines if line and not line.startswith(begins)] == []


def test_openings_are_those_of_calendar(ledger: Ledger, status: Status) -> None:
    """An opening has the keys that `calendar` gives it, with the offset of its own zone."""
    applied(ledger, once("night", NOW - HOUR, NOW + HOUR))

    (opening,) = status("--output", "json").document["open"]

    assert list(opening) == ["window", "start", "end", "timezone", "repositories"]
    assert opening["timezone"] == "America/New_York"
    assert datetime.fromisoformat(opening["end"]) == NOW + HOUR
    assert not opening["end"].endswith("+00:00")


def test_an_open_window_has_a_next_opening(ledger: Ledger, status: Status) -> None:
    """`next` has the next opening of every window, of one that is open now the one after."""
    rule = "{expression: '0 0 * * *', duration: 24h}"
    applied(ledger, f"  daily:\n    cron: {rule}\n    repositories: {{a: ['*']}}\n")

    document = status("--output", "json").document

    (now,), (later,) = document["open"], document["next"]
    assert datetime.fromisoformat(later["start"]) == datetime.fromisoformat(now["end"])


def test_the_lock_tells_whether_a_daemon_runs(file: Path, status: Status) -> None:
    """A daemon is named by pid while it holds the ledger, and is gone with its lock."""
    with opened(file):
        running = status("--output", "json").document["daemon"]
    stopped = status("--output", "json").document["daemon"]

    assert (running["running"], running["pid"], running["config"]) == (True, os.getpid(), "ok")
    assert datetime.fromisoformat(running["since"]).tzinfo
    assert stopped == {
        "running": False,
        "pid": None,
        "host": None,
        "since": None,
        "config": "ok",
    }


def test_a_ledger_without_configuration_has_no_openings(ledger: Ledger, status: Status) -> None:
    """Holds are shown also when nothing was in force yet, or it can be read no more."""
    ledger.save([hold()])
    fresh = status("--output", "json").document
    ledger.save_config(AppliedConfig("s.yaml", Path("/nowhere"), b"nonsense", NOW))
    unreadable = status("--output", "json").document

    for document in (fresh, unreadable):
        assert (document["open"], document["next"]) == ([], [])
        assert len(document["holds"]) == 1


def test_people_are_told_in_their_words(ledger: Ledger, status: Status) -> None:
    """The table has relative times, what is open first."""
    now = datetime.now(UTC).replace(microsecond=0)
    applied(
        ledger,
        once("soon", now + 3 * HOUR + MINUTE / 2, now + 4 * HOUR),
        once("night", now - HOUR, now + 2 * HOUR + MINUTE / 2),
    )
    ledger.save([hold(since=now - 2 * HOUR)])

    said = status().words

    assert "The daemon runs: pid" in said
    assert "night open 1 of 1 paused ends in 2 h, " in said
    assert "soon next opens in 3 h, " in said
    assert "a/orders paused 2 h ago night" in said


def test_a_quiet_ledger_says_so(file: Path, status: Status) -> None:
    """Without holds there is a sentence, not an empty table."""
    opened(file).close()

    said = status().out

    assert "No daemon runs" in said
    assert "No repository is held." in said


def test_a_hold_that_is_overdue_stands_out(ledger: Ledger, status: Status) -> None:
    """A hold beyond its end says for how long, what failed, and when it is tried again."""
    ledger.save(
        [
            hold(
                phase=Phase.RESUMING,
                until=NOW - 2 * HOUR,
                last_error="refused",
                running=("daily",),
                next_attempt=NOW + HOUR + 20 * MINUTE,
            )
        ]
    )

    said = status().words

    assert "overdue for 2 h" in said
    assert "refused" in said
    assert "again in 1 h" in said
    assert "still running: daily" in said


def test_what_is_alike_has_one_row(ledger: Ledger, status: Status) -> None:
    """More than three holds of which the same is to be said are one row for each cluster."""
    now = datetime.now(UTC)
    other = Record(RepositoryKey("b", "r"), Phase.PAUSED, windows=("night",), since=now - HOUR)
    ledger.save([hold(f"r{number}", since=now - HOUR) for number in range(4)])
    ledger.save([hold("orders", windows=("day",)), hold("archive", windows=("day",)), other])

    said = status().words

    assert "a: 4 repositories paused 1 h ago night" in said
    assert "a/r0" not in said
    assert "a/orders" in said
    assert "a/archive" in said
    assert "b/r " in said


def test_trouble_comes_first(
    ledger: Ledger, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is overdue stands above other trouble, that above the rest; the trouble below each."""
    monkeypatch.setenv("COLUMNS", "80")
    over = datetime.now(UTC) - 2 * HOUR
    ledger.save([hold("a"), hold("b", last_error="dns"), hold("c", until=over)])

    lines = status().out.splitlines()

    assert [line.split()[0] for line in lines[-5:]] == ["a/c", "overdue", "a/b", "dns", "a/a"]
    assert lines[-4] == "    overdue for 2 h"


def test_the_soonest_attempt_speaks_for_all(ledger: Ledger, status: Status) -> None:
    """Holds that differ only in when they are tried again are alike; the soonest is told."""
    later = [NOW + HOUR * (2 + number) + 20 * MINUTE for number in range(4)]
    ledger.save(
        [hold(f"r{at.hour}", last_error="refused", next_attempt=at) for at in reversed(later)]
    )

    said = status().words

    assert "a: 4 repositories paused 1 h" in said
    assert "night refused, again in 2 h" in said


def test_long_names_are_whole(
    ledger: Ledger, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 80 columns a hold with long names takes a line more, and no word is broken."""
    monkeypatch.setenv("COLUMNS", "80")
    names = "device-firmware-upgrade-emea", "emea-quarterly-firmware-and-kernel"
    applied(ledger, once(names[1], NOW - HOUR, NOW + HOUR))
    ago = datetime.now(UTC) - HOUR
    ledger.save([hold(names[0], windows=(names[1],), since=ago, until=ago, last_error="timeout")])

    lines = status().out.splitlines()

    assert lines[-3] == f"a/{names[0]}  paused  1 h ago"
    assert lines[-2:] == [f"    {names[1]}", "    overdue for 1 h, timeout"]
    assert max(map(len, lines)) <= 80


def test_holds_without_a_daemon_are_a_warning(file: Path, status: Status) -> None:
    """When nobody is there to resume what is held, the reader is told what to do."""
    with opened(file) as ledger:
        ledger.save([hold()])

    assert "stays paused until one does: systemctl start cbmaintd" in status().words


def test_a_cluster_that_does_not_answer_is_told(ledger: Ledger, status: Status) -> None:
    """Why a cluster does not answer, and for how long, stands above all, until it does again."""
    trouble = Unreachable("prod", "unauthorized", "Authentication [Failure]", NOW - 2 * HOUR)
    ledger.note_unreachable({"prod": trouble, "test": None})

    said, document = status().words, status("--output", "json").document
    ledger.note_unreachable({"prod": None})

    assert "prod is not responding correctly, for 2 h" in said
    assert "unauthorized: Authentication [Failure]" in said
    assert document["clusters"] == [
        {
            "cluster": "prod",
            "error": "unauthorized",
            "message": "Authentication [Failure]",
            "since": (NOW - 2 * HOUR).isoformat(),
        }
    ]
    assert "does not answer" not in status().out


def test_a_rejected_file_is_told(ledger: Ledger, status: Status) -> None:
    """That the last good configuration is in force stands in the JSON and in the table."""
    ledger.note_reading(["s.yaml:1:1: [red]", "s.yaml:2:1: b"])

    assert status("--output", "json").document["daemon"]["config"] == "rejected"
    assert "The file was rejected" in status().out
    assert "  s.yaml:1:1: [red]\n" in status().out


def test_markup_in_an_id_is_text(ledger: Ledger, status: Status) -> None:
    """What looks like markup in the id of a repository is shown as it is."""
    ledger.save([hold("[red]x[/]")])

    assert "a/[red]x[/]" in status().out


@pytest.mark.parametrize("columns", [40, 80])
def test_the_table_fits(
    ledger: Ledger, status: Status, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is longer than the terminal, however long the names; piped, it has no colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    long = "w" * 63
    applied(ledger, once(long, NOW - HOUR, NOW + HOUR))
    ledger.save([hold("r" * 50, windows=(long, "night"), until=NOW - HOUR, last_error="timeout")])

    said = status().out

    assert max(map(len, said.splitlines())) <= columns
    assert "\x1b" not in said


def test_an_invalid_file_still_leads_to_the_ledger(
    ledger: Ledger, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad edit does not hide the holds: the ledger that the file names is read."""
    ledger.save([hold()])
    bad = tmp_path / "schedules.yaml"
    bad.write_text(f"ledger: sqlite:///{file}\nclusters: 7\n")

    code = main(["-c", str(bad), "status", "--output", "json"])

    assert code == 0
    assert len(json.loads(capsys.readouterr().out)["holds"]) == 1


def test_status_tells_who_opened_a_window(ledger: Ledger, status: Status) -> None:
    """An unplanned window that is open is shown with who opened it, and why."""
    targets = (("prod", Patterns(("*",))),)
    ledger.add_override(
        Override(
            OverrideKind.OPEN, "patch", NOW, NOW + HOUR, NOW, "ana@host", "kernel", targets=targets
        )
    )

    assert "patch open not known how many ends in" in status().words
    assert "opened by ana@host: kernel" in status().words
