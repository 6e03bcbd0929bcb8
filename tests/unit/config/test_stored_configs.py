"""Configurations that the ledger kept, read again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from daemon.config.stored_configs import read_again
from tests.unit.config.config_files import CLUSTERS, ENVIRON, read

CALENDAR = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)


def test_what_the_ledger_keeps_means_the_same(tmp_path: Path) -> None:
    """It is read again to the settings that were in force, also without the files it names."""
    calendar = tmp_path / "off.ics"
    calendar.write_text(CALENDAR)
    settings = read(f"{CLUSTERS}exclusions: {{off: {{ics: off.ics}}}}\nwindows: {{}}\n", tmp_path)
    calendar.unlink()

    again = read_again(settings.applied(datetime.now(UTC)), ENVIRON)

    assert again == settings
