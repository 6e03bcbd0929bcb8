"""What the tests of the ledger write into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.core.attempt import Action, Attempt, Outcome
from daemon.core.record import LATE, Phase, Record, Suspicion
from daemon.core.repository import RepositoryKey, ScheduledRun
from daemon.ledger.state import AppliedConfig
from daemon.windows.window import CatchUp

NOW = datetime(2026, 11, 23, 12, 30, 15, 250_000, tzinfo=UTC)
DAY = timedelta(days=1)
FULL = Record(
    RepositoryKey("prod", "orders"),
    phase=Phase.RESUMING,
    uuid="6f1d",
    reached="https://host:18097",
    windows=("nightly", "sunday"),
    openings=("nightly@2026-11-23T04:30:00Z",),
    since=NOW,
    until=NOW + timedelta(hours=2),
    yielded=("sunday@2026-11-22T01:00:00Z",),
    suspect_pause=Suspicion("boot", timedelta(seconds=1234.5), LATE),
    suspect_resume=Suspicion("boot", timedelta(seconds=99), LATE),
    missing_since=NOW,
    scheduled=(ScheduledRun(NOW, "daily", "BACKUP"),),
    running=("daily",),
    catch_up=CatchUp.MISSED,
    backup_due=NOW + timedelta(hours=3),
    last_error="timeout",
    next_attempt=NOW,
)
CONFIG = AppliedConfig("schedules.yaml", Path("/etc/cbmaintd"), b"windows: {}\n", NOW)


def file_of(url: str) -> Path:
    """Find the file of a ledger URL."""
    return Path(url.removeprefix("sqlite:///"))


def sent(at: datetime) -> Attempt:
    """Return a pause that was sent then, and went well."""
    return Attempt(
        "prod", "orders", Action.PAUSE, ("w",), "POST", "http://x", 1, 200, Outcome.OK, None, "",
        at, timedelta(milliseconds=12),
    )  # fmt: skip
