"""Suspicions as a database keeps them: on its own clock, for hosts whose boots differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.moment import Moment
from daemon.core.record import LATE, Suspicion
from daemon.ledger.suspicions import DatabaseFormat

NOW = datetime(2026, 11, 23, 12, 30, 15, tzinfo=UTC)
SECONDS = st.floats(0, 1e6).map(lambda seconds: timedelta(seconds=seconds))
DELAYS = st.floats(0, 5).map(lambda seconds: timedelta(seconds=seconds))


def at(boot: str, uptime: timedelta, took: timedelta, now: datetime = NOW) -> DatabaseFormat:
    """Ask the database, which took so long to answer."""
    return DatabaseFormat(now, Moment(NOW, boot, uptime), Moment(NOW, boot, uptime + took))


@given(SECONDS, SECONDS, SECONDS, DELAYS, DELAYS)
def test_a_suspicion_outlasts_a_move_to_another_host(
    here: timedelta, there: timedelta, later: timedelta, took: timedelta, took_there: timedelta
) -> None:
    """Whoever reads it waits no shorter, and longer by no more than the database took to answer."""
    suspicion = Suspicion.starting(Moment(NOW, "here", here), LATE)
    text = at("here", here, took).write(suspicion)
    suspicion_format = at("there", there, took_there, NOW + later)

    left = suspicion_format.read(text).until - suspicion_format.after.uptime

    assert suspicion_format.read(text).boot_id == "there"
    assert abs(left - (LATE - later)) <= timedelta(milliseconds=1)


def test_a_suspicion_of_an_earlier_boot_counts_from_the_start() -> None:
    """After a reboot the call is older than the uptime, so what is left is the rest of its span."""
    suspicion = Suspicion("before", timedelta(days=9), LATE)
    suspicion_format = at("here", timedelta(seconds=50), timedelta(0))

    left = (
        suspicion_format.read(suspicion_format.write(suspicion)).until
        - suspicion_format.after.uptime
    )

    assert left == LATE - timedelta(seconds=50)
