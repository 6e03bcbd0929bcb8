"""What a question costs is what it finds: work is counted, and pruning changes no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.dates import DateRange, DateSet
from daemon.windows.expressions import cron_days
from daemon.windows.interval import Interval
from daemon.windows.rules import Cron, Weekly
from daemon.windows.timeline import AHEAD, Timeline
from daemon.windows.window import Patterns, Window
from tests.unit.windows.rule_samples import DAILY, DAY, HOUR
from tests.unit.windows.test_time_properties import MINUTE, around_changes
from tests.unit.windows.test_time_properties import windows as any_window

TEN_YEARS = (datetime(2018, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
EVERYTHING = (("prod", Patterns(("*",))),)
NIGHTLY = Weekly(DAILY, time(2), 3 * HOUR)
A_WEEK_OR_SO = 12
"""So many nights around one that counts may be looked at."""


@dataclass(frozen=True)
class Counted:
    """A rule that notes each opening that somebody makes it compute."""

    rule: Weekly = NIGHTLY
    computed: list[date] = field(default_factory=list)

    @property
    def longest(self) -> timedelta:
        """How long an opening is at most."""
        return self.rule.longest

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield the rule's openings, and note them."""
        for interval in self.rule.candidates(zone, start, end):
            self.computed.append(interval.day)
            yield interval


def window(
    rule: Counted, *, valid: DateRange | None = None, excluded: DateSet | None = None
) -> Window:
    """Return a window that is open for an hour each night of the days it may."""
    return Window(
        "w",
        rule,
        ZoneInfo("Europe/Berlin"),
        EVERYTHING,
        (excluded,) if excluded else (),
        valid_from=valid.first if valid else None,
        valid_until=valid.last if valid else None,
    )


def test_a_window_of_one_day_costs_a_day() -> None:
    """Of ten years, only those around the days on which a window is valid are computed."""
    rule, day = Counted(), date(2023, 5, 4)

    (found,) = window(rule, valid=DateRange(day, day)).openings(*TEN_YEARS)

    assert found.day == day
    assert len(rule.computed) <= A_WEEK_OR_SO


@pytest.mark.parametrize("year", [2017, 2029])
def test_a_window_that_is_over_or_to_come_costs_nothing(year: int) -> None:
    """A window that is not valid in the time that is asked about is not computed at all."""
    rule = Counted()

    found = window(rule, valid=DateRange(date(year, 2, 1), date(year, 6, 1))).openings(*TEN_YEARS)

    assert (found, rule.computed) == ([], [])


def test_an_opening_that_goes_on_after_validity_is_found() -> None:
    """One that opened on the last valid day is found for as long as it is open."""
    rule, day = Counted(Weekly(DAILY, time(2), 30 * DAY)), date(2023, 5, 4)
    one = window(rule, valid=DateRange(day, day))
    end = datetime(2023, 6, 2, 22, tzinfo=UTC)

    assert [o.end for o in one.openings(end - MINUTE, end + HOUR)] == [end]
    assert one.openings(end, end + HOUR) == []


def test_what_is_excluded_for_long_is_not_computed() -> None:
    """Between two nights a year that are left, nothing is computed."""
    rule = Counted()
    left = [date(year, month, 7) for year in range(2018, 2028) for month in (3, 9)]
    days = [date(2017, 1, 1), *left, date(2030, 1, 1)]
    holes = [DateRange(one + DAY, two - DAY) for one, two in pairwise(days)]

    found = window(rule, excluded=DateSet.of(holes)).openings(*TEN_YEARS)

    assert [opening.day for opening in found] == left
    assert len(rule.computed) <= A_WEEK_OR_SO * len(left)


def test_who_is_not_asked_about_is_not_computed() -> None:
    """To combine windows on a timeline computes none of them: only questions do."""
    rule = Counted()

    Timeline([window(rule)])

    assert rule.computed == []


@st.composite
def days_around(draw: st.DrawFn, today: date) -> DateRange:
    """Draw some days before or after *today*, or around it."""
    first = draw(st.integers(-40, 40))
    return DateRange(today + first * DAY, today + (first + draw(st.integers(0, 60))) * DAY)


@given(
    place=around_changes(),
    data=st.data(),
    asked=st.tuples(st.integers(-60_000, 60_000), st.integers(1, 60_000)),
)
def test_pruning_changes_no_answer(
    place: tuple[ZoneInfo, datetime], data: st.DataObject, asked: tuple[int, int]
) -> None:
    """A window has those openings of its rule whose days are valid and not excluded."""
    zone, near = place
    bare = data.draw(any_window("w", zone, near))
    days = days_around(near.date())
    valid = data.draw(days | st.just(DateRange(date.min, date.max)))
    closed = data.draw(st.lists(days, max_size=3))
    start = near.replace(tzinfo=zone).astimezone(UTC) + asked[0] * MINUTE
    end = start + asked[1] * MINUTE
    pruned = replace(
        bare,
        excluded=(DateSet.of(closed[:1]), *closed[1:]),
        valid_from=valid.first,
        valid_until=valid.last,
    )

    found = pruned.openings(start, end)

    assert found == [
        opening
        for opening in bare.openings(start, end)
        if opening.day in valid and not any(opening.day in each for each in closed)
    ]


class CountingCron(CronSim):
    """A parsed expression that notes each day that somebody tries."""

    def __init__(self, expression: str) -> None:
        """Begin with none tried."""
        super().__init__(expression, datetime(2000, 1, 1))  # noqa: DTZ001  # a local time
        self.tried: list[date] = []

    def match_day(self, d: date) -> bool:
        """Note a day and check whether it matches."""
        self.tried.append(d)
        return super().match_day(d)


@pytest.mark.parametrize(
    ("expression", "tried", "found"),
    [
        ("0 2 24 12 *", 50, 50),
        ("0 2 29 2 *", 13, 13),
        ("0 2 L 2,4 *", 220, 100),
        ("0 2 1,15 * *", 1_200, 1_200),
        ("0 2 LW 1 *", 300, 50),
    ],
)
def test_few_days_of_a_cron_are_tried(expression: str, tried: int, found: int) -> None:
    """An expression for a day of the year is not tried on every day."""
    cron = CountingCron(expression)

    days = list(cron_days(cron, date(2000, 1, 1), date(2049, 12, 31)))

    assert len(days) == found
    assert len(cron.tried) <= tried


@given(
    expression=st.builds(
        "0 2 {} {} {}".format,
        st.sampled_from(("*", "1", "29", "L", "LW", "*/9", "13,29")),
        st.sampled_from(("*", "2", "1,6,12", "*/5")),
        st.sampled_from(("*", "sat", "1-5", "sun#2", "5L", "*/3")),
    ),
    first=st.dates(date(1999, 1, 1), date(2030, 1, 1)),
    days=st.integers(0, 400),
)
def test_cron_opens_on_every_day_that_matches(expression: str, first: date, days: int) -> None:
    """Days that are not tried are days that do not match."""
    cron = CountingCron(expression)
    every = [first + number * DAY for number in range(days + 1)]

    found = list(cron_days(cron, first, every[-1]))

    assert found == [day for day in every if day.month in cron.months and cron.match_day(day)]


def test_a_leap_day_opens_in_leap_years() -> None:
    """What is skipped for cost is not skipped for good."""
    rule = Window("w", Cron("0 2 29 2 *", HOUR), ZoneInfo("UTC"), EVERYTHING)

    assert [opening.day.year for opening in rule.openings(*TEN_YEARS)] == [2020, 2024]


def test_what_was_looked_ahead_for_is_not_computed_again() -> None:
    """Questions of the next hours compute nothing, also where a new block of time begins."""
    rule = Counted()
    timeline = Timeline([window(rule)])
    edge = datetime(1970, 1, 1, tzinfo=UTC) + 2555 * timedelta(days=8)
    now = edge - AHEAD / 2
    timeline.desired("prod", ["orders"], edge - timedelta(days=9))
    timeline.look_ahead(now)
    rule.computed.clear()

    for at in (now, edge - MINUTE, edge, edge + AHEAD / 2):
        timeline.desired("prod", ["orders"], at)
        timeline.covering(at)
        timeline.next_change(at)

    assert rule.computed == []
    timeline.desired("prod", ["orders"], edge + timedelta(days=17))
    assert rule.computed
