"""Configurations that the ledger kept, read again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from daemon.config.reading.limits import Limits
from daemon.config.stored_configs import clusters, read_again
from daemon.ledger.state import AppliedConfig
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


def kept(text: str) -> AppliedConfig:
    """Return a configuration as a ledger keeps it."""
    return AppliedConfig("f.yaml", Path("/nowhere"), text.encode(), datetime.now(UTC))


def test_one_that_takes_too_long_does_not_hold_whoever_reads_it() -> None:
    """Another version may have accepted it: it is read under limits, and given up."""
    heavy = kept("windows: [" + ", ".join(["[" + "a, " * 9_000 + "a]"] * 30) + "]\n")

    assert read_again(heavy, ENVIRON, Limits(processor_s=1)) is None


def test_no_more_are_read_than_say_where_the_clusters_are() -> None:
    """The newest says it: older ones are not even fetched."""

    def stored() -> Iterator[AppliedConfig]:
        yield kept(f"{CLUSTERS}windows: {{}}\n")
        raise AssertionError("an older one was asked for")

    assert clusters({"prod-eu"}, stored(), ENVIRON).keys() == {"prod-eu"}
