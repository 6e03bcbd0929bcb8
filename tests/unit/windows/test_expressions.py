"""Cron expressions, as local times."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile

import pytest
from cronsim import CronSim
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.windows.expressions import check_cron, cron_reading, cron_times
from daemon.windows.wallclock import Reading

FAR = datetime.fromisoformat("2099-01-01T00:00")


def cron(expression: str, count: int, after: str = "2026-01-01T00:00") -> list[str]:
    """Return the first times of a cron expression."""
    found = cron_times(expression, datetime.fromisoformat(after), FAR)
    return [f"{at:%Y-%m-%dT%H:%M}" for at in islice(found, count)]


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "*/17", "5,59", "10-12"]),
    st.sampled_from(["*", "0", "*/7", "2,23", "22-23"]),
    st.sampled_from(["*", "1", "31", "*/10", "L", "LW"]),
    st.sampled_from(["*", "2", "1-3", "*/5"]),
    st.sampled_from(["*", "mon", "sun#2", "5L", "1-5"]),
)


@given(fields=FIELDS, after=st.datetimes(datetime(2023, 12, 1), datetime(2028, 3, 1)))  # noqa: DTZ001  # local
def test_cron_times_are_the_librarys(fields: tuple[str, ...], after: datetime) -> None:
    """Our walk over days finds what the library finds, from any instant on."""
    expression = " ".join(fields)
    assume(expression.split()[2:4] != ["31", "2"])
    until = after + timedelta(days=120)

    found = list(islice(cron_times(expression, after, until), 400))
    expected = list(islice(takewhile(lambda at: at <= until, CronSim(expression, after)), 400))

    assert found == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 22 * * 0", ["2026-01-04T22:00", "2026-01-11T22:00"]),
        ("0 22 * * 7", ["2026-01-04T22:00", "2026-01-11T22:00"]),
        ("0 22 * * sun", ["2026-01-04T22:00", "2026-01-11T22:00"]),
        ("0 22 13 * fri", ["2026-01-02T22:00", "2026-01-09T22:00", "2026-01-13T22:00"]),
        ("30 1 * * tue#2", ["2026-01-13T01:30", "2026-02-10T01:30"]),
        ("30 1 * * 5L", ["2026-01-30T01:30", "2026-02-27T01:30"]),
        ("30 1 L * *", ["2026-01-31T01:30", "2026-02-28T01:30"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0,30 8-9 1 jan *", ["2026-01-01T08:00", "2026-01-01T08:30", "2026-01-01T09:00"]),
    ],
)
def test_cron_is_crontab(expression: str, expected: list[str]) -> None:
    """Fields mean what crontab(5) says; both days given means either; # and L as in cronsim."""
    check_cron(expression)

    assert cron(expression, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("0 0 0 * * *", "five fields"),
        ("@reboot", "no @ names"),
        ("", "five fields"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 2,4,6,9,11 *", "never comes"),
        ("0 25 * * *", "hour"),
        ("60 0 * * *", "minute"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "day-of-week"),
        ("0 0 * * funday", "day-of-week"),
        (f"{'9' * 5000} 0 * * *", "minute 9{20}: 0 to 59"),
    ],
)
def test_no_cron_expression(expression: str, complaint: str) -> None:
    """Rule 5: seconds, @ names, unknown values and impossible dates are errors that say where."""
    with pytest.raises(ValueError, match=complaint):
        check_cron(expression)


@pytest.mark.parametrize(
    ("expression", "reading"),
    [
        ("0 2 * * *", Reading.NAMED),
        ("0,30 1-5 * * *", Reading.NAMED),
        ("*/10 2 * * *", Reading.EVERY),
        ("0 * * * *", Reading.REAL),
        ("0 */2 * * *", Reading.REAL),
        ("* * * * *", Reading.REAL),
    ],
)
def test_cron_readings(expression: str, reading: Reading) -> None:
    """Rule 2: fixed hours and minutes are read widely, a wildcard hour is any real one."""
    assert cron_reading(expression) is reading
