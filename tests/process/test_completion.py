"""Tab in a real bash: commands, options and names that there are."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.config.reading.process import load
from daemon.core.attempt import Action, Attempt, Outcome
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
from tests.process.conftest import Stage, once

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


@pytest.fixture
def file(stage: Stage, tmp_path: Path) -> Path:
    """Write a file with two windows, and the command as it is called by name."""
    stage.simulate("prod", "orders")
    stage.write(
        once("nightly", 3600, 7200, "{prod: [orders, archive]}")
        + once("night-2", 3600, 7200)
        + once("now-open", -3600, 7200)
    )
    program = tmp_path / "bin" / "cbmaintd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m daemon "$@"\n')
    program.chmod(0o755)
    return stage.config


def completed(file: Path, line: str) -> list[str]:
    """Return what bash would offer at the end of a line, once our code was sourced."""
    words = " ".join(map(shlex.quote, [*line.split(), *([""] if line.endswith(" ") else [])]))
    script = f"""
        source <(cbmaintd completion bash)
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} COMP_TYPE=9 COMP_KEY=9
        COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        complete -p cbmaintd >/dev/null || exit 3
        _python_argcomplete cbmaintd "${{COMP_WORDS[COMP_CWORD]}}" ""
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environ = os.environ | {
        "PATH": f"{file.parents[0] / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CBMAINTD_CONFIG": str(file),
        "CBMAINTD_LEDGER": f"sqlite:///{file.parent}/ledger.db",
    }
    done = subprocess.run(
        [str(BASH), "--norc", "-c", script],
        env=environ, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cbmaintd cal", ["calendar"]),
        ("cbmaintd calendar --imp", ["--impact"]),
        ("cbmaintd status --output ", ["table", "json"]),
        ("cbmaintd skip ni", ["night-2", "nightly"]),
        ("cbmaintd calendar --window nightl", ["nightly"]),
        ("cbmaintd why prod/", ["prod/archive", "prod/orders"]),
        ("cbmaintd completion f", ["fish"]),
        ("cbmaintd help cal", ["calendar"]),
        ("cbmaintd manual trou", ["troubleshooting"]),
        ("cbmaintd close n", ["now-open"]),
    ],
)
def test_tab_completes(file: Path, line: str, expected: list[str]) -> None:
    """What can stand at the end of the line is offered, names out of the file included."""
    assert completed(file, line) == expected


def test_openings_to_come_complete(file: Path) -> None:
    """After `skip NAME --opening` the days on which it opens are offered."""
    (day,) = completed(file, "cbmaintd skip nightly --opening ")

    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)


def test_what_the_ledger_knows_completes(file: Path) -> None:
    """Windows that people opened, and repositories that were spoken to, are offered as well."""
    now = datetime.now(UTC)
    targets = (("prod", Patterns(("*",))),)
    opened = Override(
        OverrideKind.OPEN, "by-hand", now, now + timedelta(hours=2), now, "me@here", "", targets
    )
    url = f"sqlite:///{file.parent}/ledger.db"
    seen = Attempt(
        *("prod", "seen-once", Action.PAUSE, ("nightly",), "POST", "", 1, 200, Outcome.OK),
        *(None, "", now, timedelta(0)),
    )
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.add_override(opened)
        ledger.save((), [seen])

    assert completed(file, "cbmaintd close b") == ["by-hand"]
    assert completed(file, "cbmaintd skip by") == ["by-hand"]
    assert completed(file, "cbmaintd why prod/s") == ["prod/seen-once"]


def test_what_is_skipped_completes_its_undoing(file: Path) -> None:
    """`unskip` offers windows with a skipped opening, and those openings; `skip` the others."""
    (day,) = completed(file, "cbmaintd skip nightly --opening ")
    now = datetime.now(UTC)
    url = f"sqlite:///{file.parent}/ledger.db"
    settings = load(file, environ={}, check_secrets=False)
    (opening,) = settings.windows["nightly"].openings(now, now + timedelta(days=1))
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.add_override(
            Override(OverrideKind.SKIP, "nightly", opening.start, None, now, "me@here")
        )

    assert completed(file, "cbmaintd unskip n") == ["nightly"]
    assert completed(file, "cbmaintd unskip nightly --opening ") == [day]
    assert completed(file, "cbmaintd unskip night-2 --opening ") == []
    assert completed(file, "cbmaintd skip nightly --opening ") == []


SLOW = frozenset(
    (
        *("apprise", "apscheduler", "asyncio", "holidays", "httptools", "icalendar", "psycopg"),
        *("prometheus_client", "requests", "rich", "sqlalchemy", "ssl", "structlog", "urllib3"),
    )
)


@pytest.mark.parametrize(
    ("line", "never"),
    [
        ("cbmaintd cal", SLOW | {"pydantic", "sqlite3"}),
        ("cbmaintd skip ni", SLOW | {"pydantic"}),
        ("cbmaintd why prod/", SLOW | {"pydantic"}),
        ("cbmaintd close ", SLOW),
        ("cbmaintd skip nightly --opening ", SLOW),
        ("cbmaintd unskip nightly --opening ", SLOW),
    ],
)
def test_nobody_waits_for_what_is_not_needed(file: Path, line: str, never: frozenset[str]) -> None:
    """An answer imports nothing that takes long, and checks the file only where it has to."""
    environ = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull,
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "CBMAINTD_CONFIG": str(file),
        "CBMAINTD_LEDGER": f"sqlite:///{file.parent}/ledger.db",
    }
    code = (
        "import os, sys; from daemon.cli.main import main;"
        "os._exit = lambda code: print(*sys.modules) or sys.stdout.flush() or sys.exit(code);"
        "main(sys.argv[1:])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT,
    )  # fmt: skip

    assert "argcomplete" in done.stdout.split(), done.stderr
    assert not never.intersection(done.stdout.split())


def test_a_broken_file_completes_nothing_and_says_nothing(file: Path) -> None:
    """A file that is being edited does not write faults into a line that somebody types."""
    file.write_text("windows: 7\n")

    assert completed(file, "cbmaintd skip ni") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_code(stage: Stage, shell: str) -> None:
    """The code for each shell names our command; an unknown shell is refused with the known."""
    done, refused = stage.ask("completion", shell), stage.ask("completion", "csh")

    assert done.returncode == 0
    assert "cbmaintd" in done.stdout
    assert refused.returncode == 2
    assert "there are: bash, zsh, fish" in refused.stderr
