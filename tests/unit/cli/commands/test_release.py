"""`cbmaintd release`: what it accepts, chooses and says where no cluster has to be asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import main
from daemon.core.record import Phase, Record, Suspicion
from daemon.core.repository import RepositoryKey
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from tests.unit.cli.ended import Ended, ended

Release = Callable[..., Ended]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the ledger is."""
    return tmp_path / "ledger.db"


@pytest.fixture
def release(file: Path, capsys: pytest.CaptureFixture[str]) -> Release:
    """Return a way to release what the ledger holds."""

    def run(*arguments: str) -> Ended:
        return ended(capsys, "--ledger", str(file), "release", *arguments)

    return run


def hold(cluster: str = "lost", id_: str = "orders", **keys: Any) -> Record:
    """Return a hold on a cluster that no configuration knows."""
    return Record(RepositoryKey(cluster, id_), **({"phase": Phase.PAUSED} | keys))


def remember(file: Path, *records: Record) -> None:
    """Leave a ledger behind, as a daemon that was killed does."""
    with open_ledger(f"sqlite:///{file}", Access.DAEMON) as ledger:
        ledger.save(records)


def held(file: Path) -> list[str]:
    """Name what the ledger holds."""
    with open_ledger(f"sqlite:///{file}", Access.READ) as ledger:
        return [str(record.key) for record in ledger.records() if record.is_hold]


@pytest.mark.parametrize("pattern", ["orders", "*", "prod/", "/orders", "/", "a\x1b[2J"])
def test_a_pattern_needs_both_halves(release: Release, pattern: str) -> None:
    """Without a cluster or an id it is bad usage, told in one line with an example."""
    ended = release("--repository", pattern)

    assert (ended.code, ended.out) == (2, "")
    assert "write CLUSTER/PATTERN, such as prod/orders" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "\x1b" not in ended.err


def test_a_missing_ledger_is_one_line(release: Release, file: Path) -> None:
    """Where there is no ledger its place is named, with code 1, and none is created."""
    ended = release()

    assert (ended.code, ended.out) == (1, "")
    assert str(file) in ended.err
    assert "there is no ledger here" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not list(file.parent.iterdir())


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://host/ledger", "oops://"])
def test_a_ledger_that_cannot_be_is_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A URL that leads to no file is refused in one line."""
    code = main(["--ledger", url, "release"])

    assert code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be read"])
def test_a_damaged_ledger_is_left_to_the_daemon(
    release: Release, file: Path, content: bytes
) -> None:
    """What it held is not known, so nothing is said to be resumed, and the file stays as it is."""
    id_ = file.with_name(f"{file.name}.id")
    id_.write_text("of a ledger of ours\n")
    file.write_bytes(content)

    ended = release()

    assert (ended.code, ended.out) == (1, "")
    assert "the ledger is damaged" in ended.err
    assert file.read_bytes() == content
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name, id_.name]


@pytest.mark.parametrize("arguments", [(), ("--repository", "prod/*")])
def test_nothing_held_is_no_failure(
    release: Release, file: Path, arguments: tuple[str, ...]
) -> None:
    """An empty ledger says so with code 0, whatever was asked for."""
    remember(file, hold(phase=None, yielded=("night@2026-11-22T00:00:00Z",)))

    assert release(*arguments) == Ended(0, "Nothing is held.\n", "")


@pytest.mark.parametrize("is_held", [False, True])
def test_owed_backups_are_named(release: Release, file: Path, is_held: bool) -> None:
    """Whose backup nobody has started yet is told, whatever else is held or asked for."""
    due = datetime(2026, 11, 23, tzinfo=UTC)
    remember(file, hold(phase=None, backup_due=due), *([hold(id_="held")] if is_held else []))

    ended = release()

    owed = "Backups still to be started: 1 (lost/orders). The next daemon on this ledger starts"
    assert owed in ended.words
    assert ("Nothing is held." in ended.out) is not is_held
    assert ended.code == is_held


def test_a_ledger_in_use_is_refused(release: Release, file: Path) -> None:
    """Whoever holds the ledger is named by pid and host, and what is held stays so."""
    with open_ledger(f"sqlite:///{file}", Access.DAEMON) as ledger:
        ledger.save([hold()])
        ended = release()

    assert (ended.code, ended.out) == (1, "")
    assert f"in use by pid {os.getpid()} on {os.uname().nodename}" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_pattern_that_shells_read_differently_is_refused(release: Release) -> None:
    """Nobody releases `a` who means all but `a`."""
    ended = release("--repository", "prod/[^a]*")

    assert ended.code == 2
    assert ended.err == (
        'cbmaintd: --repository "prod/[^a]*": write [! for any character but those that follow\n'
    )


def test_a_pattern_that_matches_no_hold_names_those(release: Release, file: Path) -> None:
    """What is held is told to whoever asks for something else; a long list is cut."""
    remember(file, hold("prod"), *(hold("test", f"r{number:02}") for number in range(20)))

    ended = release("--repository", "test/*", "prod/Orders")

    assert (ended.code, ended.out) == (2, "")
    assert '"prod/Orders": matches nothing that is held; held: prod/orders, test/r00' in ended.err
    assert "and 11 more" in ended.err


def test_a_cluster_nobody_knows_has_a_way_out(release: Release, file: Path) -> None:
    """What cannot be reached is a failure that says what to do, and stays held."""
    remember(file, hold())

    ended = release()

    assert ended.code == 1
    assert "lost/orders failed: nothing says how to reach lost: name a file" in ended.words
    assert "1 of 1 could not be released, on lost;" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert held(file) == ["lost/orders"]


def test_a_doubt_where_nobody_can_look_is_a_failure(release: Release, file: Path) -> None:
    """A lost pause on a cluster that nobody knows may have landed: that is not passed over."""
    doubt = Suspicion("an earlier boot", timedelta(0), timedelta(0))
    remember(file, hold(phase=None, suspect_pause=doubt))

    ended = release()

    assert ended.code == 1
    assert "lost/orders failed: nothing says how to reach lost" in ended.words


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ((), {"gone/a", "lost/orders", "lost/other"}),
        (("lost/*",), {"lost/orders", "lost/other"}),
        (("*/o*", "gone/?"), {"gone/a", "lost/orders", "lost/other"}),
        (("*/or[d]ers",), {"lost/orders"}),
    ],
)
def test_globs_choose(
    release: Release, file: Path, patterns: tuple[str, ...], chosen: set[str]
) -> None:
    """Shell globs hold for clusters and ids; several patterns add up."""
    remember(file, hold("gone", "a"), hold(), hold("lost", "other"))
    arguments = [word for pattern in patterns for word in ("--repository", pattern)]

    rows = release(*arguments).out.splitlines()[1:]

    assert {row.split()[0] for row in rows if "/" in row.split()[0]} == chosen


def test_markup_in_an_id_is_text(release: Release, file: Path) -> None:
    """What looks like markup in the id of a repository is shown as it is."""
    remember(file, hold(id_="[red]x[/]"))

    assert "lost/[red]x[/]" in release().out


@pytest.mark.parametrize("columns", [40, 80])
def test_the_table_fits(
    release: Release, file: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is longer than the terminal, however long the names; piped, it has no colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    remember(file, hold("c" * 63, "r" * 50), hold())

    ended = release()

    assert max(map(len, ended.out.splitlines())) <= columns
    assert "\x1b" not in ended.out + ended.err


@pytest.mark.parametrize("has_folder", [False, True])
def test_missing_secrets_are_perhaps_systemds(
    release: Release, file: Path, has_folder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who releases by hand is told how to name the folder of the unit's secrets, if none is."""
    config = file.with_name("schedules.yaml")
    config.write_text(
        "clusters:\n"
        '  lost: {url: "http://127.0.0.1:1", username: u, password_file: lost.password}\n'
        "windows: {}\n"
    )
    if has_folder:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    remember(file, hold())

    ended = release("--config", str(config))

    assert ended.code == 1
    assert "failed: unauthorized: " in ended.words
    assert ("set CREDENTIALS_DIRECTORY" in ended.err) is not has_folder
