"""What holds for every rule, in every zone, around every change of clocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.interval import Interval
from daemon.windows.rules import (
    Cron,
    DayNumber,
    Monthly,
    NthWeekday,
    Once,
    Rrule,
    Rule,
    WeekdayEnd,
    Weekly,
    intervals,
)
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening, Patterns, Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = tuple(sorted(available_timezones()))
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
IDS = ("orders", "tenant-a", "tenant-b")


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """Return every instant at which clocks in a zone jump; the epoch, if they never do."""
    zone, step = ZoneInfo(name), timedelta(days=14)
    found, at = [], FIRST
    while at < LAST:
        if at.astimezone(zone).utcoffset() != (at + step).astimezone(zone).utcoffset():
            found.append(_narrowed(zone, at, at + step))
        at += step
    return tuple(found) or (FIRST,)


def _narrowed(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        is_before = middle.astimezone(zone).utcoffset() == offset
        before, after = (middle, after) if is_before else (before, middle)
    return after


@st.composite
def around_changes(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """Draw a zone, and a local time within a day or two of one of its changes."""
    name = draw(st.sampled_from(ZONES))
    change = draw(st.sampled_from(changes(name))).astimezone(ZoneInfo(name))
    distance = draw(st.integers(-200, 200) | st.integers(-1800, 1800)) * MINUTE
    return ZoneInfo(name), change.replace(tzinfo=None, second=0) + distance


TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 59)))
LENGTHS = st.sampled_from((5, 30, 60, 90, 240, 1440, 3000, 20_000)).map(lambda n: n * MINUTE)
MONTH_DAYS = st.builds(DayNumber, st.sampled_from((1, 15, 29, 31, -1, -31))) | st.builds(
    NthWeekday, st.sampled_from((1, 2, 3, 4, -1)), st.integers(0, 6)
)
EXPRESSIONS = (
    "0 2 * * *",
    "30 */3 * * 1-5",
    "*/20 1,2 * * *",
    "0 * * * 0",
    "15 0 L * *",
    "0 0 13 * 5",
)
RULES = (
    "FREQ=WEEKLY;BYDAY=SU,WE",
    "FREQ=HOURLY;INTERVAL=5",
    "FREQ=DAILY;COUNT=4000",
    "FREQ=MONTHLY;BYDAY=-1SU",
    "FREQ=DAILY;INTERVAL=2;BYHOUR=0,2,3",
)


@st.composite
def rules(draw: st.DrawFn, near: datetime) -> Rule:
    """Draw a rule of any kind that opens around *near* (local)."""
    start, length = draw(TIMES), draw(LENGTHS)
    later = st.sampled_from((2 * DAY + 6 * HOUR, WeekdayEnd(0, 6 * HOUR)))
    end = draw(st.none() | st.integers(1, 24).map(lambda hours: hours * HOUR) | later)
    if end == timedelta(hours=start.hour, minutes=start.minute):
        end = None
    duration = None if end else length
    days = st.frozensets(st.integers(0, 6), min_size=1)
    on = st.lists(MONTH_DAYS, min_size=1, max_size=3).map(tuple)
    kinds = (
        st.builds(Weekly, days, st.just(start), st.just(end), st.just(duration)),
        st.builds(
            Monthly, on, st.integers(-40, 40), st.just(start), st.just(end), st.just(duration)
        ),
        st.builds(Cron, st.sampled_from(EXPRESSIONS), st.just(length)),
        st.builds(Rrule, st.sampled_from(RULES), st.just(near - 900 * DAY), st.just(length)),
        st.builds(Once, st.just(near), st.none(), st.just(length)),
        st.builds(Once, st.just(near), st.just(near + length)),
    )
    rule: Rule = draw(st.one_of(*kinds))
    return rule


@st.composite
def windows(draw: st.DrawFn, name: str, zone: ZoneInfo, near: datetime) -> Window:
    """Draw a window with a rule that opens around *near*."""
    patterns = draw(st.sampled_from((("*",), ("orders",), ("tenant-*", "!tenant-b"))))
    return Window(
        name,
        draw(rules(near)),
        zone,
        (("prod", Patterns(patterns)),),
        pause_before=draw(st.sampled_from((0, 0, 15, 200))) * MINUTE,
    )


@st.composite
def timelines(draw: st.DrawFn) -> tuple[list[Window], timedelta, datetime]:
    """Draw windows, a merge gap, and an instant near which clocks change."""
    zone, near = draw(around_changes())
    drawn = [draw(windows(name, zone, near)) for name in draw(st.sampled_from(("a", "ab", "abc")))]
    gap = draw(st.sampled_from((0, 0, 20, 90, 700))) * MINUTE
    return drawn, gap, near.replace(tzinfo=zone).astimezone(UTC)


INSTANTS = st.lists(st.integers(-5000, 5000), min_size=1, max_size=6)


def only(rule: Rule, zone: ZoneInfo, local: datetime) -> Interval:
    """Return the one opening of a rule that opens once."""
    around = local.replace(tzinfo=UTC)
    (found,) = intervals(rule, zone, around - 3 * DAY, around + 60 * DAY)
    return found


@given(around_changes(), st.sampled_from((1, 5, 15, 30, 60, 61, 90, 240, 600, 1439, 1440)))
def test_clock_times_are_read_widely(place: tuple[ZoneInfo, datetime], minutes: int) -> None:
    """Rule 2: never empty, and open at every instant whose wall clock lies in `[start, end)`."""
    zone, local = place
    local_end = local + minutes * MINUTE

    found = only(Once(local, local_end), zone, local)

    assert found.start < found.end
    step = max(MINUTE, (minutes + 2400) * MINUTE / 300)
    for count in range(300):
        instant = local.replace(tzinfo=UTC) - 27 * HOUR + count * step
        wall = instant.astimezone(zone).replace(tzinfo=None)
        assert found.start <= instant < found.end or not local <= wall < local_end


@given(around_changes(), LENGTHS)
def test_durations_are_exact(place: tuple[ZoneInfo, datetime], duration: timedelta) -> None:
    """Rule 2: a duration is elapsed time; the start is the first that clocks show or pass it."""
    zone, local = place

    found = only(Once(local, None, duration), zone, local)

    assert found.end - found.start == duration
    assert found.start.astimezone(zone).replace(tzinfo=None) >= local
    assert (found.start - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < local


@given(timelines(), st.integers(0, 40_000), st.integers(0, 40_000))
def test_time_may_be_cut_anywhere(
    drawn: tuple[list[Window], timedelta, datetime], before: int, after: int
) -> None:
    """Rule 1: the openings of two neighbouring stretches are those of both together."""
    timeline, middle = Timeline(drawn[0]), drawn[2]
    first, last = middle - before * MINUTE, middle + after * MINUTE

    parts = {*timeline.openings(first, middle), *timeline.openings(middle, last)}

    assert sorted(parts, key=by_start) == timeline.openings(first, last)


def by_start(opening: Opening) -> tuple[datetime, str]:
    """Sort openings as a timeline lists them."""
    return opening.start, opening.window


@given(timelines())
def test_openings_are_whole(drawn: tuple[list[Window], timedelta, datetime]) -> None:
    """Rules 1 and 4: no opening is empty, and an identity stands for one opening."""
    openings = Timeline(drawn[0]).openings(drawn[2] - 9 * DAY, drawn[2] + 9 * DAY)

    assert all(opening.start < opening.end for opening in openings)
    assert len({opening.id for opening in openings}) == len(openings)


@given(timelines(), INSTANTS)
def test_what_covers_is_what_is_listed(
    drawn: tuple[list[Window], timedelta, datetime], minutes: list[int]
) -> None:
    """Rule 1: an opening covers an instant if and only if one listed has it in `[start, end)`."""
    timeline = Timeline(drawn[0], drawn[1])
    listed = timeline.openings(drawn[2] - 5000 * MINUTE, drawn[2] + 5001 * MINUTE)

    for now in (drawn[2] + minute * MINUTE for minute in minutes):
        assert timeline.covering(now) == tuple(o for o in listed if o.start <= now < o.end)


@given(timelines(), st.integers(-5000, 5000))
def test_the_next_change_is_the_first(
    drawn: tuple[list[Window], timedelta, datetime], minute: int
) -> None:
    """Rule 4: the next change is the first edge of any opening, so nothing changes before it."""
    timeline, now = Timeline(drawn[0], drawn[1]), drawn[2] + minute * MINUTE

    change = timeline.next_change(now)

    end = change or now + 400 * DAY
    edges = {
        edge
        for opening in timeline.openings(now, end + DAY)
        for edge in (opening.pause_from, opening.start, opening.end)
        if now < edge <= end
    }
    assert change == min(edges, default=None)
    for step in range(10 if change else 0):
        between = now + (change - now) * step / 10 if change else now
        assert state(timeline, between) == state(timeline, now)


def state(timeline: Timeline, now: datetime) -> object:
    """Return what is open and what is held, but for how long it will be."""
    held = timeline.desired("prod", IDS, now)
    return timeline.covering(now), [
        (id_, each.openings, each.windows) for id_, each in held.items()
    ]


@given(timelines(), INSTANTS)
def test_answers_do_not_depend_on_history(
    drawn: tuple[list[Window], timedelta, datetime], minutes: list[int]
) -> None:
    """A timeline that was asked about other times before answers like a fresh one."""
    shared = Timeline(drawn[0], drawn[1])

    for minute in (*minutes, *(60 * minute for minute in minutes)):
        now = drawn[2] + minute * MINUTE
        assert answers(shared, now) == answers(Timeline(drawn[0], drawn[1]), now)


def answers(timeline: Timeline, now: datetime) -> Sequence[object]:
    """Ask a timeline everything."""
    return (
        timeline.covering(now),
        timeline.next_change(now),
        timeline.next_change(now, "prod"),
        timeline.is_wanted("prod", now),
        timeline.desired("prod", IDS, now),
    )


@given(timelines(), st.integers(-5000, 5000))
def test_a_repository_is_held_until_the_end(
    drawn: tuple[list[Window], timedelta, datetime], minute: int
) -> None:
    """Rule 3: what is held stays held, bridged or not, and wanted until `until`."""
    timeline, now = Timeline(drawn[0], drawn[1]), drawn[2] + minute * MINUTE

    held = timeline.desired("prod", IDS, now)

    for id_, desired in held.items():
        for step in range(12):
            then = now + (desired.until - now) * step / 12
            assert id_ in timeline.desired("prod", IDS, then)
            assert timeline.is_wanted("prod", then)
        is_known_end = desired.until + timeline.merge_gap < now + 8 * DAY
        assert not is_known_end or id_ not in timeline.desired("prod", IDS, desired.until)
