"""Where the file and the ledger are found, in the order of the manual."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import suppress
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


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "reason"),
    [
        (0o755, 0o644, ""),
        (0o700, 0o600, ""),
        (0o777, 0o644, "others can write its folder"),
        (0o1777, 0o644, "others can write its folder"),
        (0o775, 0o644, "others can write its folder"),
        (0o755, 0o666, "others can write it"),
        (0o755, 0o664, "others can write it"),
    ],
)
def test_a_file_that_others_may_write_is_passed_over(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    folder_mode: int,
    file_mode: int,
    reason: str,
) -> None:
    """A file in a folder like /tmp is not used for standing there, and one line says why.

    Named, it is used all the same.
    """
    (folder / "schedules.yaml").touch()
    (folder / "schedules.yaml").chmod(file_mode)
    folder.chmod(folder_mode)

    found = places.why_not_trusted(Path("schedules.yaml"))
    is_used = None
    with suppress(UsageError):
        is_used = places.find_config(args(), {})
    said = capsys.readouterr().err

    assert found == reason
    assert (is_used == Path("schedules.yaml")) is (reason == "")
    assert said.count("\n") <= 1
    assert places.find_config(args("schedules.yaml"), {}) == Path("schedules.yaml")


def test_a_file_of_somebody_else_is_passed_over(folder: Path) -> None:
    """Who owns it may change it; so may who owns the folder to which a link leads."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    file, elsewhere = folder / "schedules.yaml", folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "target").touch()
    os.chown(elsewhere, 12345, 12345)
    file.symlink_to(elsewhere / "target")
    of_link = places.why_not_trusted(Path("schedules.yaml"))
    file.unlink()
    file.touch()
    os.chown(file, 12345, 12345)

    assert of_link == "its folder belongs to somebody else"
    assert places.why_not_trusted(Path("schedules.yaml")) == "it belongs to somebody else"


def test_it_is_said_once_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that looks twice says it once, and a shell that completes hears nothing."""
    (folder / "schedules.yaml").touch()
    folder.chmod(0o777)
    places._say_once.cache_clear()
    for environ in ({"_ARGCOMPLETE": "1"}, {"HOME": "/"}, {"HOME": "/"}):
        with suppress(UsageError):
            places.find_config(args(), environ)

    said = capsys.readouterr().err

    assert said == (
        "cbmaintd: ./schedules.yaml is passed over: others can write its folder;"
        " to use it, name it: -c schedules.yaml\n"
    )
