"""Where the file and the ledger are found, in the order of the manual."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cli import places
from daemon.config.days.attachments import Attachments
from daemon.config.settings import Settings, parse
from daemon.errors import UsageError

TEXT = """\
clusters:
  a: {url: "http://localhost:8097", username: u, password_env: PW}
windows: {}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """Work in an empty folder."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def args(config: str | None = None, ledger: str | None = None) -> argparse.Namespace:
    """Return the arguments of a command."""
    return argparse.Namespace(config=config, ledger=ledger)


def settings(ledger: str | None) -> Settings:
    """Return the settings of a file that names *ledger*."""
    text = TEXT + (f"ledger: {ledger}\n" if ledger else "")
    environ = {"PW": "x"}
    return parse(
        text.encode(), "f.yaml", environ=environ, attachments=Attachments(Path("/nowhere"))
    )


def test_the_option_wins_over_the_environment() -> None:
    """`--config` stands before $CBMAINTD_CONFIG."""
    assert places.find_config(args("x.yaml"), {"CBMAINTD_CONFIG": "y.yaml"}) == Path("x.yaml")


def test_the_environment_wins_over_the_folder(folder: Path) -> None:
    """$CBMAINTD_CONFIG stands before ./schedules.yaml."""
    (folder / "schedules.yaml").touch()

    assert places.find_config(args(), {"CBMAINTD_CONFIG": "y.yaml"}) == Path("y.yaml")


def test_the_folder_is_looked_at(folder: Path) -> None:
    """./schedules.yaml is used when nobody names another; an empty variable names none."""
    (folder / "schedules.yaml").touch()

    assert places.find_config(args(), {"CBMAINTD_CONFIG": ""}) == Path("schedules.yaml")


@pytest.mark.skipif(Path("/etc/cbmaintd").exists(), reason="this machine has a configuration")
def test_no_file_names_the_places() -> None:
    """Without any file the error says where it was looked for, and is one of usage."""
    with pytest.raises(UsageError) as raised:
        places.find_config(args(), {})

    assert raised.value.exit_code == 2
    for place in ("--config", "$CBMAINTD_CONFIG", "./schedules.yaml", "/etc/cbmaintd/"):
        assert place in str(raised.value)


ENVIRON = {
    "CBMAINTD_LEDGER": "sqlite:////env.db",
    "STATE_DIRECTORY": "/systemd:/second",
    "XDG_STATE_HOME": "/xdg",
    "HOME": "/home/me",
}


@pytest.mark.parametrize(
    ("asked", "gone", "named", "expected"),
    [
        ("sqlite:////asked.db", (), "sqlite:////file.db", "sqlite:////asked.db"),
        (None, (), "sqlite:////file.db", "sqlite:////env.db"),
        (None, ("CBMAINTD_LEDGER",), "sqlite:////file.db", "sqlite:////file.db"),
        (None, ("CBMAINTD_LEDGER",), None, "sqlite:////systemd/ledger.db"),
        (
            None,
            ("CBMAINTD_LEDGER", "STATE_DIRECTORY"),
            None,
            "sqlite:////xdg/cbmaintd/ledger.db",
        ),
        (
            None,
            ("CBMAINTD_LEDGER", "STATE_DIRECTORY", "XDG_STATE_HOME"),
            None,
            "sqlite:////home/me/.local/state/cbmaintd/ledger.db",
        ),
    ],
)
def test_the_order_of_the_ledgers_places(
    asked: str | None, gone: tuple[str, ...], named: str | None, expected: str
) -> None:
    """Option, environment, file, systemd's folder, the user's state folder: the first counts."""
    environ = {name: value for name, value in ENVIRON.items() if name not in gone}

    assert places.find_ledger(args(ledger=asked), environ, settings(named)) == expected


def test_a_plain_path_is_a_ledger(folder: Path) -> None:
    """`--ledger` takes a path as well as a URL."""
    assert places.find_ledger(args(ledger="l.db"), {}, None) == f"sqlite:///{folder}/l.db"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ledger: sqlite:////a.db", "sqlite:////a.db"),
        ("ledger: sqlite:////a.db   # ours", "sqlite:////a.db"),
        ("ledger: 'sqlite:////a b.db'", "sqlite:////a b.db"),
        ('ledger: "sqlite:////a b.db"', "sqlite:////a b.db"),
        ("ledger:", "sqlite:////s/ledger.db"),
        ("  ledger: sqlite:////inner.db", "sqlite:////s/ledger.db"),
        ("# ledger: sqlite:////old.db", "sqlite:////s/ledger.db"),
    ],
)
def test_an_invalid_file_still_says_where_its_ledger_is(
    folder: Path, line: str, expected: str
) -> None:
    """A bad edit elsewhere in the file does not hide the ledger that its own line names."""
    file = folder / "bad.yaml"
    file.write_text(f"windows: [\n{line}\nclusters: 1\n")

    assert places.find_ledger(args(), {"STATE_DIRECTORY": "/s"}, file) == expected


def test_a_file_that_is_gone_says_nothing(folder: Path) -> None:
    """A file that cannot be read leaves the ledger where it usually is."""
    found = places.find_ledger(args(), {"STATE_DIRECTORY": "/s"}, folder / "none.yaml")

    assert found == "sqlite:////s/ledger.db"
