"""The command line: what it accepts, what it says in one line, and which code it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon import __version__
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from tests.unit.cli.ended import Ended, ended, started

ROOT = Path(__file__).parents[3]
VERBS = (
    *("run", "check", "calendar", "status", "history", "why", "open", "close", "extend", "skip"),
    *("reload", "release", "demo", "simulate", "notify", "install-unit", "completion"),
    *("manual", "schema", "apply", "ledger", "help", "version", "init"),
)
VALID = """\
clusters:
  a: {url: "http://localhost:8097", username: u, password_env: PATH}
windows:
  night:
    weekly: {days: [daily], start: 01:00, duration: 1h}
    repositories: {a: ["*"]}
"""


Command = Callable[..., Ended]


@pytest.fixture
def cbmaintd(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a way to run a command in this process."""

    def run(*arguments: str) -> Ended:
        return ended(capsys, *arguments)

    return run


@pytest.fixture
def valid(tmp_path: Path) -> str:
    """Return a valid file."""
    file = tmp_path / "valid.yaml"
    file.write_text(VALID)
    return str(file)


@pytest.mark.parametrize("arguments", [["--version"], ["check", "--version"]])
def test_version_stands_before_or_after_the_verb(cbmaintd: Command, arguments: list[str]) -> None:
    """`--version` prints name and version and ends with 0, wherever it stands."""
    assert cbmaintd(*arguments) == Ended(0, f"cbmaintd {__version__}\n", "")


HEAVY = frozenset(
    (
        *("apprise", "apscheduler", "argcomplete", "asyncio", "holidays", "httptools"),
        *("icalendar", "prometheus_client", "requests", "rich", "sqlalchemy", "ssl"),
        *("structlog", "urllib3"),
    )
)
"""What takes long to import, and is not needed to read a file."""


def imported(*arguments: str) -> set[str]:
    """Return the modules that a command imports."""
    code = (
        f"import sys; from daemon.cli.main import main; main({list(arguments)!r});"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())


def test_version_waits_for_nothing() -> None:
    """`--version` imports none of the packages that take time."""
    assert not imported("--version") & (HEAVY | {"pydantic", "yaml"})


def test_a_check_waits_for_no_network(valid: str) -> None:
    """`check` of a file imports nothing that speaks to clusters, keeps a ledger or draws tables."""
    assert not imported("check", "-c", valid) & HEAVY


def test_no_verb_shows_the_way(cbmaintd: Command) -> None:
    """Without a verb the help goes to stderr, and the code is that of bad usage."""
    ended = cbmaintd()

    assert (ended.code, ended.out) == (2, "")
    assert all(verb in ended.err for verb in VERBS)


def test_a_file_that_does_not_exist_has_no_place(cbmaintd: Command, tmp_path: Path) -> None:
    """Of a file that nobody can read, no line and column are named."""
    file = tmp_path / "none.yaml"

    ended = cbmaintd("check", "-c", str(file))

    assert ended == Ended(2, "", f"{file}: the file cannot be read (No such file or directory)\n")


def test_a_run_without_a_file_says_how_to_get_one(
    cbmaintd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no file, the way to one is named."""
    monkeypatch.chdir(tmp_path)

    ended = cbmaintd("run")

    assert ended.code == 2
    assert "no schedules.yaml" in ended.err
    assert "cbmaintd init --url" in ended.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], 'did you mean "run"?'),
        (["run", "--dry-rum"], 'did you mean "--dry-run"?'),
        (["completion", "zsh2"], 'there are: bash, zsh, fish; did you mean "zsh"? see cbm'),
        (["calender"], '"calender"; did you mean "calendar"? see cbmaintd --help'),
        (["calender"], 'unknown COMMAND "calender"; did you mean "calendar"?'),
        (["calendar", "--widnow", "x"], '"--widnow"; did you mean "--window"?'),
        (["calendar", "--widnow=x"], 'did you mean "--window"?'),
        (["calendar", "--windo", "x"], 'did you mean "--window"?'),
        (["--confg", "x", "check"], 'did you mean "--config"?'),
        (["--online", "check"], "--online stands after the command"),
        (["check", "x", "surplus"], 'unknown argument "surplus"'),
        (["run", "--log-format", "jsn"], 'did you mean "json"?'),
        (["calendar", "--days"], "--days: expected one argument"),
        (["extend"], "required: NAME, and --for or --until"),
        (["extend", "x"], "one of the arguments --for --until is required"),
        (["extend", "--for=1h"], "required: NAME;"),
        (["help", "calender"], 'there is no command "calender"; did you mean "calendar"?'),
        (["check", "-c", ""], "--config: its value is empty"),
        (["--ledger=", "status"], "--ledger: its value is empty"),
        (["simulate", "--repositories", "a,b c"], '"b c" is not a repository id'),
        (["calendar", "--days", "0"], "whole number from 1 to 999,999,999"),
        (["calendar", "--days", "x"], '"x" is not a whole number from 1'),
        (["calendar", "--days", "9" * 5_000], '…" is not a whole number'),
        (["demo", "--seconds", "9" * 18], "whole number from 1 to 999,999,999"),
        (["simulate", "--port", "9" * 5_000], "0 to 65535"),
        (["simulate", "--port", "65536"], "0 to 65535"),
        (["simulate", "--tls-cert", "x"], "--tls-cert and --tls-key go together"),
        (["simulate", "--tls-cert", "/x", "--tls-key", "/y"], "--tls-cert /x: there is no such fi"),
        (["simulate", "--latency", "5"], "--latency"),
        (["simulate", "--fault", "stal"], '--fault "stal": no such fault; there are: authent'),
        (["no\nsuch"], r'"no\nsuch"'),
        (["schema", "a\x1b[2Jb"], r'"a\u001b[2Jb"'),
    ],
)
def test_bad_usage_is_one_line(cbmaintd: Command, arguments: list[str], hint: str) -> None:
    """What is wrong with a command line is one line on stderr with advice, and code 2."""
    ended = cbmaintd(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err
    assert ended.err.startswith("cbmaintd: ")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("option", ["-c", "--config"])
@pytest.mark.parametrize("is_before", [True, False])
def test_config_stands_before_or_after_the_verb(
    cbmaintd: Command, valid: str, option: str, is_before: bool
) -> None:
    """The file may be named on either side of the verb."""
    arguments = [option, valid, "check"] if is_before else ["check", option, valid]

    assert cbmaintd(*arguments).code == 0


def test_an_invalid_file_is_two_and_faults_start_their_lines(
    cbmaintd: Command, tmp_path: Path
) -> None:
    """Every fault is a line `FILE:LINE:COLUMN: …` with nothing before it, and the code is 2."""
    file = tmp_path / "bad.yaml"
    file.write_text(VALID.replace("01:00", "25:00") + "colour: red\n")

    ended = cbmaintd("check", "-c", str(file))

    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 2
    assert all(line.startswith(f"{file}:") for line in ended.err.splitlines())


@pytest.mark.parametrize(("faults", "rest"), [(30, "10 more faults"), (21, "1 more fault")])
def test_faults_beyond_those_shown_are_counted(
    cbmaintd: Command, tmp_path: Path, faults: int, rest: str
) -> None:
    """Of thirty faults twenty are shown, and the last line says how many more there are."""
    file = tmp_path / "bad.yaml"
    file.write_text(VALID + "".join(f"key{number}: 1\n" for number in range(faults)))

    lines = cbmaintd("check", "-c", str(file)).err.splitlines()

    assert len(lines) == 21
    assert lines[-1] == f"{file}: and {rest}"


def test_a_status_without_a_ledger_says_so(cbmaintd: Command, tmp_path: Path) -> None:
    """What cannot be done, as a status where no daemon has run, is one line and code 1."""
    ended = cbmaintd("status", "--ledger", str(tmp_path / "none.db"))

    assert (ended.code, ended.out) == (1, "")
    assert "no daemon has run" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_status_needs_only_the_ledger(cbmaintd: Command, tmp_path: Path) -> None:
    """`status --output json` has the contract's shape with a ledger and nothing else."""
    path = tmp_path / "ledger.db"
    open_ledger(f"sqlite:///{path}", Access.DAEMON).close()

    ended = cbmaintd("status", "--ledger", str(path), "--output", "json")

    assert ended.code == 0
    assert json.loads(ended.out) == {
        "daemon": {"running": False, "pid": None, "host": None, "since": None, "config": "ok"},
        "open": [],
        "next": [],
        "holds": [],
    }


@pytest.fixture
def broken_import() -> Iterator[None]:
    """Make the module behind `schema` impossible to import, which is a bug to the command line."""
    name = "daemon.cli.commands.schema"
    with pytest.MonkeyPatch.context() as border:
        border.setitem(sys.modules, name, None)
        yield


@pytest.mark.usefixtures("broken_import")
def test_a_bug_is_one_line(cbmaintd: Command) -> None:
    """An exception that nobody raised on purpose is one line that asks for a report, and code 1."""
    ended = cbmaintd("schema")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("cbmaintd: a bug: ModuleNotFoundError")
    assert "please report it" in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.usefixtures("broken_import")
def test_a_bug_shows_itself_when_asked(cbmaintd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CBMAINTD_DEBUG=1 a bug is allowed its traceback."""
    monkeypatch.setenv("CBMAINTD_DEBUG", "1")

    ended = cbmaintd("schema")

    assert ended.code == 1
    assert ended.err.startswith("Traceback (most recent call last):\n")
    assert "\nModuleNotFoundError: " in ended.err


def test_a_reader_that_leaves_is_no_complaint() -> None:
    """When the reader of stdout has gone away, nothing is said about it."""
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "daemon", "schema"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    os.close(writing)

    assert done.stderr == b""


def redirected(arguments: list[str], to: str, **environ: str) -> Ended:
    """Run a command whose streams a shell has redirected."""
    script = f'exec "$0" -m daemon "$@" {to}'
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environ,
        timeout=300,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [["schema"], ["--version"]], ids=" ".join)
def test_a_full_disk_is_no_success(arguments: list[str]) -> None:
    """What cannot be written is one line on stderr, with code 1."""
    ended = redirected(arguments, ">/dev/full")

    assert ended.code == 1
    assert "No space left on device" in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["schema"], ["--help"], ["--version"]], ids=" ".join)
def test_a_closed_stdout_is_silence(arguments: list[str]) -> None:
    """Whoever closes stdout wants to see nothing, and gets the usual code."""
    assert redirected(arguments, ">&-") == Ended(0, "", "")


def test_a_closed_stderr_leaves_the_code() -> None:
    """With stderr closed a wrong command is silent, and ends with its code."""
    assert redirected(["nonsense"], "2>&-") == Ended(2, "", "")


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """A ledger that is opened while the streams are closed is not written over with messages."""
    ledger = tmp_path / "ledger.db"
    open_ledger(f"sqlite:///{ledger}", Access.DAEMON).close()
    before = ledger.read_bytes()

    ended = redirected(["status", "--ledger", str(ledger)], "<&- >&- 2>&-")

    assert ended.code == 0
    assert ledger.read_bytes() == before


def test_a_narrow_encoding_stops_nothing() -> None:
    """Where the terminal takes ASCII alone, help and schema are printed all the same."""
    ended = redirected(["simulate", "--help"], "", PYTHONIOENCODING="ascii")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.isascii()


def test_the_module_is_the_command(valid: str) -> None:
    """`python -m daemon` is the command, and its exit code is the process's."""
    assert started("--version").out == f"cbmaintd {__version__}\n"
    assert started("check", CBMAINTD_CONFIG=valid).code == 0
    assert started("nonsense").code == 2


def test_the_schema_is_json(cbmaintd: Command) -> None:
    """`schema` prints one JSON document that names its dialect."""
    ended = cbmaintd("schema")

    assert (ended.code, ended.err) == (0, "")
    assert "$schema" in json.loads(ended.out)
