"""From a file to settings: defaults, the keys of the top level, files that cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon.config.days.attachments import Attachments
from daemon.config.reading.process import load
from daemon.config.settings import difference, parse
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
    assert settings.digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("spoil", "place"), [(Path.touch, ":1:1"), (Path.mkdir, ""), (Path.exists, "")]
)
def test_a_file_that_cannot_be_read_is_a_fault(
    tmp_path: Path, spoil: Callable[[Path], object], place: str
) -> None:
    """An empty file is a fault with its place; a folder and no file at all have no lines."""
    path = tmp_path / "schedules.yaml"
    spoil(path)

    with pytest.raises(ConfigError) as raised:
        load(path, environ={})

    assert str(raised.value).startswith(f"{path}{place}: the file ")


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


def test_the_digest_is_of_calendar_files_too(tmp_path: Path) -> None:
    """Hosts whose calendar files differ have different digests; the ledger keeps the same one."""
    text = f"{CLUSTERS}exclusions: {{off: {{ics: off.ics}}}}\nwindows: {{}}\n"
    digests = set()
    for day in ("20261123", "20261124"):
        event = f"BEGIN:VEVENT\r\nUID:{day}\r\nDTSTART;VALUE=DATE:{day}\r\nEND:VEVENT"
        calendar = f"BEGIN:VCALENDAR\r\n{event}\r\nEND:VCALENDAR\r\n"
        (tmp_path / "off.ics").write_text(calendar)
        settings = read(text, tmp_path)
        assert settings.digest == settings.applied(datetime.now(UTC)).digest
        digests.add(settings.digest)

    assert len(digests) == 2


def test_changed_values_of_the_top_level_are_named() -> None:
    """An edit names clusters and single values that changed, whether or not they were given."""
    before = read(f"resync: 10s\nlisten: 127.0.0.1:9797\n{CLUSTERS}windows: {{}}\n")
    other = CLUSTERS.replace("localhost:8097", "localhost:8098")
    after = read(f"resync: 20s\nmax_pause: 2h\n{other}windows: {{}}\n")

    changes = difference(before, after)

    assert changes["changed"] == ["clusters.test", "listen", "max_pause", "resync"]
    assert difference(before, before)["changed"] == []
    assert difference(None, after)["changed"] == []
