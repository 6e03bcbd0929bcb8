"""How much a rule may open: a day, a year, and at one time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from daemon.windows.bounds import MOST_AT_ONCE, check_overlap, looked_at, most_a_day
from daemon.windows.rules import DAY, Cron, Once, Rrule, Rule

START = datetime(1970, 1, 1)  # noqa: DTZ001  # a local time
HOUR = timedelta(hours=1)
HOURS = ",".join(map(str, range(24)))
MINUTES = ",".join(map(str, range(60)))
DAYS = "MO,TU,WE,TH,FR,SA,SU"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            f"FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={MINUTES};BYSECOND={MINUTES}",
            "86,400 times of a day",
        ),
        (f"FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={MINUTES};BYSECOND=0,1", "2,880 times of a day"),
        (f"FREQ=HOURLY;BYMINUTE={MINUTES};BYSECOND=0,30", "2,880 times of a day"),
        (f"FREQ=HOURLY;INTERVAL=2;BYMINUTE={MINUTES};BYSECOND=0,1,2", "2,160 times of a day"),
        (
            f"FREQ=WEEKLY;BYHOUR={HOURS};BYMINUTE={MINUTES};BYSECOND=7,8",
            "at most 1,440 are allowed",
        ),
        (
            f"FREQ=MONTHLY;BYDAY={DAYS};BYHOUR={HOURS};BYMINUTE={MINUTES}",
            "up to 44,640 times in one month.* at most 10,080 .* write it with FREQ=DAILY",
        ),
        (f"FREQ=YEARLY;BYDAY={DAYS};BYHOUR={HOURS};BYMINUTE=0,30", "17,568 times in one year"),
        (f"FREQ=YEARLY;BYHOUR={HOURS};BYMINUTE={MINUTES};BYMONTHDAY=1", "17,280 times in one year"),
        (f"FREQ=MONTHLY;BYDAY=MO,1SU;BYHOUR={HOURS};BYMINUTE=0,1,2,3;BYSECOND={MINUTES}", "5,760"),
        ("FREQ=DAILY;COUNT=1000000", "COUNT=1000000 is not a number from 1 to 999999"),
        (
            f"FREQ=YEARLY;BYDAY={DAYS};BYSETPOS=367",
            "BYSETPOS=367 is not a number from 1 to 366, or",
        ),
    ],
)
def test_a_rule_that_opens_too_often_is_refused(rule: str, expected: str) -> None:
    """More than every minute, or more than is found quickly, is no rule of a window."""
    with pytest.raises(ValueError, match=expected):
        Rrule(rule, START, HOUR)


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        (Cron("* * * * *", HOUR), 1_440),
        (Cron("0,0,0 2-3 * * *", HOUR), 2),
        (Rrule(f"FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={MINUTES}", START, HOUR), 1_440),
        (Rrule(f"FREQ=HOURLY;BYMINUTE={MINUTES}", START, HOUR), 1_440),
        (Rrule("FREQ=HOURLY;INTERVAL=7", START, HOUR), 4),
        (Rrule(f"FREQ=YEARLY;BYDAY={DAYS}", START, HOUR), 1),
        (Rrule(f"FREQ=YEARLY;BYDAY={DAYS};BYHOUR={HOURS}", START, HOUR), 24),
        (Rrule(f"FREQ=WEEKLY;BYDAY={DAYS};BYHOUR={HOURS};BYMINUTE={MINUTES}", START, HOUR), 1_440),
        (Rrule(f"FREQ=MONTHLY;BYDAY=1SU;BYHOUR={HOURS};BYMINUTE={MINUTES}", START, HOUR), 1_440),
        (Once(START, duration=HOUR), 1),
    ],
)
def test_every_minute_is_the_most(rule: Rule, times: int) -> None:
    """The bounds themselves are allowed, and what is named twice counts once."""
    assert most_a_day(rule) == times


def test_openings_that_overlap_are_few() -> None:
    """So many are open at once: each minute for a week is refused, each hour for a year is not."""
    minutely, hourly = Cron("* * * * *", 6 * DAY), Cron("0 * * * *", 366 * DAY)
    check_overlap(minutely, timedelta(0))
    check_overlap(hourly, timedelta(0))

    for rule, before in ((Cron("* * * * *", 7 * DAY), timedelta(0)), (minutely, HOUR)):
        with pytest.raises(ValueError, match="openings of it would be open, or paused for"):
            check_overlap(rule, before)
    assert looked_at(hourly, timedelta(0)) == 24 * (24 + 366)
    assert MOST_AT_ONCE >= 24 * 366
