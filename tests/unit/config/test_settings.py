"""From a file to settings: defaults, the keys of the top level, files that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon.config.days.attachments import Attachments
from daemon.config.reading.process import load
from daemon.config.settings import parse
from daemon.errors import ConfigError
from daemon.service.cluster import ClusterSettings
from daemon.windows.rules import Weekly
from daemon.windows.window import Patterns, Window
from tests.unit.config.config_files import CLUSTERS, REPOSITORIES, RULE, read


def test_what_is_not_said_has_the_documented_default() -> None:
    """A file of clusters and windows alone gets every default of the documentation."""
    text = f"{CLUSTERS}windows:\n  w:\n    {RULE}\n    {REPOSITORIES}\n"

    settings = read(text)

    assert settings.timezone == ZoneInfo("UTC")
    assert (settings.ledger, settings.listen) == (None, None)
    assert settings.resync == timedelta(seconds=30)
    assert settings.merge_gap == timedelta(0)
    assert settings.max_pause == timedelta(hours=36)
    assert settings.keep_history == timedelta(days=400)
    assert settings.warnings == ()
    assert settings.windows["w"] == Window(
        name="w",
        rule=Weekly(frozenset({0}), time(2), timedelta(hours=6)),
        zone=ZoneInfo("UTC"),
        targets=(("test", Patterns(("*",))),),
    )
    assert settings.clusters["test"] == ClusterSettings(
        name="test", urls=("http://localhost:8097",), username="u", password_env="PW"
    )


def test_the_top_level_is_read() -> None:
    """Every key of the top level reaches the settings, with path, text and digest."""
    text = (
        "timezone: Europe/Berlin\nledger: sqlite:////var/lib/x.db\nlisten: '[::1]:9797'\n"
        "resync: 10m\nmerge_gap: 0s\nmax_pause: 1d12h\nkeep_history: 90d\n"
        f"{CLUSTERS}windows: {{}}\n"
    )

    settings = read(text)

    assert settings.timezone == ZoneInfo("Europe/Berlin")
    assert settings.ledger == "sqlite:////var/lib/x.db"
    assert settings.listen == ("::1", 9797)
    assert settings.resync == timedelta(minutes=10)
    assert settings.max_pause == timedelta(hours=36)
    assert settings.keep_history == timedelta(days=90)
    assert (settings.path, settings.text) == ("f.yaml", text.encode())
    assert len(settings.digest) == 64


@pytest.mark.parametrize("spoil", [Path.touch, Path.mkdir, Path.exists])
def test_a_file_that_cannot_be_read_is_a_fault(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    """An empty file, a folder and no file at all are said in the form of any other fault."""
    path = tmp_path / "schedules.yaml"
    spoil(path)

    with pytest.raises(ConfigError) as raised:
        load(path, environ={})

    assert str(raised.value).startswith(f"{path}:1:1: the file ")


def test_secrets_are_looked_for_beside_the_file_as_named(tmp_path: Path) -> None:
    """The folder is that of the path in use, not of what a link leads to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "pw").write_text("secret")
    (tmp_path / "pw").chmod(0o600)
    real = tmp_path / "real" / "schedules.yaml"
    real.write_text(
        "windows: {}\nclusters: {a: {url: https://a, username: u, password_file: pw}}\n"
    )
    (tmp_path / "schedules.yaml").symlink_to(real)

    settings = load(tmp_path / "schedules.yaml", environ={})

    assert settings.clusters["a"].password_file == tmp_path / "pw"


def test_secrets_can_be_left_unseen() -> None:
    """A last good configuration is read again although its password is gone."""
    text = "windows: {}\nclusters: {a: {url: https://a, username: u, password_file: gone}}\n"

    settings = parse(
        text.encode(), "f", environ={}, attachments=Attachments(Path("/x")), check_secrets=False
    )

    assert settings.clusters["a"].password_file == Path("/x/gone")
