"""Calendar files beside schedules.yaml, changed and lost while a window is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.process.conftest import Stage, once


def closed_today(stage: Stage, *, is_holiday: bool) -> None:
    """Write the calendar of days off, with today in it or not, and a file that goes by it."""
    # From yesterday on, for three days: no midnight can come between.
    day = datetime.now(UTC).date() - timedelta(days=1 if is_holiday else 30)
    body = f"BEGIN:VEVENT\nDTSTART;VALUE=DATE:{day:%Y%m%d}\nDURATION:P3D\nEND:VEVENT\n"
    (stage.folder / "off.ics").write_text(f"BEGIN:VCALENDAR\n{body}END:VCALENDAR\n")


DAYS_OFF = "    exclude: [off]\nexclusions:\n  off: {ics: off.ics}\n"


def test_a_calendar_file_counts_as_a_part_of_the_file(stage: Stage) -> None:
    """A day off that comes into the calendar file ends a window; one that goes opens it again."""
    prod = stage.simulate("prod", "orders")
    closed_today(stage, is_holiday=False)
    stage.write(once("night", -5, 600) + DAYS_OFF)
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    closed_today(stage, is_holiday=True)
    daemon.wait_for("repository.resumed")
    (stage.folder / "off.ics").unlink()
    rejected = daemon.wait_for("config.rejected")[0]
    closed_today(stage, is_holiday=False)
    daemon.wait_for("repository.paused", 2)
    daemon.stop()

    assert "off.ics: No such file or directory" in rejected["faults"][0]
    assert daemon.events("config.applied")[1]["changed"] == ["windows.night"]
    assert prod.state("orders") == "paused"


def test_a_lost_calendar_file_changes_nothing_that_was_held(stage: Stage) -> None:
    """A start without the calendar file goes on with the configuration and calendar of before."""
    prod = stage.simulate("prod", "orders")
    closed_today(stage, is_holiday=False)
    stage.write(once("night", -5, 600) + DAYS_OFF)
    first = stage.start()
    first.wait_for("repository.paused")
    stage.close_in(8)
    first.wait_for("config.applied", 2)
    first.kill()

    (stage.folder / "off.ics").unlink()
    second = stage.start()
    second.wait_for("config.rejected")
    second.wait_for("repository.resumed")
    second.stop()

    assert prod.state("orders") == "active"
