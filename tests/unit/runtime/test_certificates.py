"""Warnings of certificates that end: in time, once a day, and not after they were renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.runtime.certificates import CertificateWatch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Listener:
    """A log that keeps its warnings."""

    def __init__(self) -> None:
        """Begin with none."""
        self.heard: list[tuple[object, object]] = []

    def warning(self, event: str, **keys: object) -> None:
        """Keep whom it is about, and how many days are left."""
        assert event == "certificate.ends"
        self.heard.append((keys["cluster"], keys["days"]))

    info = error = critical = warning


def test_who_is_warned_of_and_how_often() -> None:
    """From two weeks before the end on there is one warning a day, until it was renewed."""
    log = Listener()
    watch = CertificateWatch(log)

    def look(days_left: float | None, at: datetime) -> None:
        ends = None if days_left is None else at + days_left * DAY
        watch.look({"prod": ends}, at)

    look(None, NOW)
    look(14.1, NOW)
    look(13.5, NOW + DAY)
    look(13.4, NOW + 1.1 * DAY)
    look(12.5, NOW + 2 * DAY)
    look(90, NOW + 3 * DAY)
    look(-0.5, NOW + 3.1 * DAY)

    assert log.heard == [("prod", 13), ("prod", 12), ("prod", -1)]


def test_a_look_is_due_hourly() -> None:
    """Looks are an hour apart, also on a clock that was set back."""
    watch = CertificateWatch(Listener())
    hour = timedelta(hours=1)

    before = watch.is_due(NOW)
    watch.look({}, NOW)
    after = [watch.is_due(NOW + by * hour) for by in (0, 0.9, 1, -0.9, -1)]

    assert before
    assert after == [False, False, True, False, True]
