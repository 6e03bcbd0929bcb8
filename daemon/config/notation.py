"""Parse the names, zones, days, dates and times of day in schedules.yaml.

Each function returns the value of a text, or raises ValueError with a sentence for the person who
edits the file: what is there, what is allowed, what was probably meant.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.config.advice import zones
from daemon.windows.dates import DateRange
from daemon.windows.rules import ClockEnd, DayNumber, MonthDay, NthWeekday, WeekdayEnd
from daemon.wording import nearest, shown

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
TIME = r"^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
_END_OF_DAY = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?"
DATES = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?$"
LOCAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?$"
INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0{1,6})?)?"
    r"([Zz]|[+-][0-9]{2}:[0-5][0-9])?$"
)

A_NAME = "a name: letters, digits, _ . and -, the first a letter or digit, at most 63"
A_TIME = "a time of day: write hours and minutes, 02:00"
AN_END = (
    "an end: write a time of day, at most 24:00, or monday 06:00 for the next Monday, or +2d 06:00"
    " for two days later"
)
A_DATE = "a date: write 2026-11-12"
A_DATE_RANGE = "a date or a range of dates: write 2026-11-12 or 2026-12-20..2027-01-03"
A_LOCAL_TIME = "a local time: write 2026-01-25T02:00"
AN_INSTANT = "a time: write 2026-12-24T18:00 for local time, 2026-12-24T18:00+01:00 for any other"
A_DAY = "a day: write monday or mon, a range such as mon-fri, daily, weekdays or weekend"
A_MONTH_DAY = (
    "a day of a month: write 1 to 31, -1 for the last day (to -31), or second tuesday, last friday"
)

# No maintenance is planned beyond them, and arithmetic with datetime would overflow.
_FIRST_YEAR, _LAST_YEAR = 1970, 2999

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = {name[:length]: day for day, name in enumerate(_WEEKDAYS) for length in (3, len(name))}
_GROUPS = {"daily": range(7), "weekdays": range(5), "weekend": range(5, 7)}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
DAYS = (*_WEEKDAYS, *_GROUPS)
MONTH_DAYS = tuple(f"{nth} {name}" for nth in _ORDINALS for name in _WEEKDAYS)
"""Words that editors offer."""


def _either_case(word: str) -> str:
    return "".join(f"[{char.upper()}{char}]" for char in word)


_A_WEEKDAY = "|".join(f"{_either_case(n[:3])}({_either_case(n[3:])})?" for n in _WEEKDAYS)
DAY_RANGE = f"^({'|'.join(map(_either_case, _GROUPS))}|({_A_WEEKDAY})(-({_A_WEEKDAY}))?)$"

_LONGEST_MONTH = 31
_LONGEST_LIST = 100
_LATEST_END = 366
END = rf"^(({_A_WEEKDAY}|\+[0-9]{{1,3}}d) +)?({_END_OF_DAY})$"


def name(text: str) -> str:
    """Parse the name of a window, a cluster, an exclusion or a label."""
    if not re.fullmatch(NAME, text):
        raise ValueError(f"{shown(text)} is not {A_NAME}")
    return text


def zone(text: str) -> ZoneInfo:
    """Parse the name of an IANA time zone."""
    if text not in zones.names():
        raise ValueError(zones.explain(text))
    return ZoneInfo(text)


def time_of_day(text: str) -> time:
    """Parse a time of day."""
    if re.fullmatch(TIME, text):
        return time.fromisoformat(text if text[2] == ":" else f"0{text}")
    if re.fullmatch(_END_OF_DAY, text):
        raise ValueError("24:00 is allowed as an end only: a start is 00:00 of the next day")
    raise ValueError(f"{shown(text)} is not {A_TIME}")


def end(text: str) -> ClockEnd:
    """Parse an end: a time of day, up to 24:00, of the same, the next, or a named later day."""
    day, _, at = text.rpartition(" ")
    if not re.fullmatch(END, text):
        raise ValueError(f"{shown(text)} is not {AN_END}{_probable_end(day.strip(), at)}")
    hours, minutes, seconds = map(int, f"{at}:00".split(":")[:3])
    since_midnight = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    day = day.strip().lower()
    if day in _WEEKDAY:
        return WeekdayEnd(_WEEKDAY[day], since_midnight)
    return timedelta(days=_days_later(day, at) if day else 0) + since_midnight


def _days_later(day: str, at: str) -> int:
    days = int(day[1:-1])
    if days == 0:
        raise ValueError(f"{day} is the day of the start, which needs no name: write {shown(at)}")
    if days > _LATEST_END:
        raise ValueError(f"{day} is out of bounds: +1d to +{_LATEST_END}d are allowed")
    return days


def _probable_end(day: str, at: str) -> str:
    """Suggest an end that is written almost like *day* and *at*."""
    if not re.fullmatch(_END_OF_DAY, at):
        return ""
    if re.fullmatch("[0-9]{1,3}d", day):
        return f"; did you mean {shown(f'+{day} {at}')}?"
    return nearest(f"{day.casefold()} {at}", [f"{name} {at}" for name in _WEEKDAYS]) if day else ""


def day(text: str) -> date:
    """Parse a date."""
    found = date_range(text)
    if ".." in text:
        raise ValueError(f"{shown(text)} is a range, not {A_DATE}")
    return found.first


def date_range(text: str) -> DateRange:
    """Parse a date, or a range of dates, both ends included."""
    if not re.fullmatch(DATES, text):
        raise ValueError(f"{shown(text)} is not {A_DATE_RANGE}")
    first, _, last = text.partition("..")
    found = DateRange(_calendar_day(first), _calendar_day(last or first))
    if found.last < found.first:
        raise ValueError(f"{shown(text)} ends before it begins")
    return found


def is_date_or_range(text: str) -> bool:
    """Check whether a text has the form of a date or a range, whatever calendar has it."""
    return bool(re.fullmatch(DATES, text))


def looks_like_date(text: str) -> bool:
    """Check whether a text is meant as a date or a range and not as a name."""
    return bool(re.match(r"[0-9]{4}-[0-9]{1,2}-|[0-9]{4}-[0-9]{2}$|.*\.\.", text))


def _calendar_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a date: no calendar has this day") from None


def local_time(text: str) -> datetime:
    """Parse a local date and time; the result has no zone."""
    if not re.fullmatch(LOCAL_TIME, text):
        raise ValueError(f"{shown(text)} is not {A_LOCAL_TIME}")
    return _instant(text, A_LOCAL_TIME)


def instant(text: str) -> datetime:
    """Parse a date and a time; without an offset the result has no zone."""
    if not re.fullmatch(INSTANT, text):
        raise ValueError(f"{shown(text)} is not {AN_INSTANT}")
    return _instant(text, AN_INSTANT)


def _instant(text: str, wanted: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError as exc:
        raise ValueError(f"{shown(text)} is not {wanted}") from exc
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"the year of {shown(text)} is not in {_FIRST_YEAR} to {_LAST_YEAR}")
    return found


def weekdays(text: str) -> frozenset[int]:
    """Parse a day, a range that may cross the end of the week, or a group; Monday is 0."""
    words = text.lower()
    if "," in words:
        each = ", ".join(part.strip() for part in words.split(","))
        raise ValueError(f"{shown(text)} is one text: write a list, [{each[:_LONGEST_LIST]}]")
    if words in _GROUPS:
        return frozenset(_GROUPS[words])
    first, dash, last = words.partition("-")
    if not dash:
        return frozenset({_weekday(first, text)})
    start, end = _weekday(first, text), _weekday(last, text)
    if start == end:
        raise ValueError(f"{shown(text)} begins and ends on one day: write {first} or daily")
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))


def _weekday(word: str, text: str) -> int:
    if word not in _WEEKDAY:
        guess = nearest(word, (*_WEEKDAYS, *_GROUPS))
        raise ValueError(f"{shown(text)} is not {A_DAY}{guess}")
    return _WEEKDAY[word]


def month_day(text: str) -> MonthDay:
    """Parse a day number, from the end if negative, or the n-th of a weekday."""
    if re.fullmatch(r"[-+]?[0-9]{1,3}", text):
        return day_number(int(text))
    ordinal, _, weekday = " ".join(text.lower().split()).partition(" ")
    if ordinal not in _ORDINALS or weekday not in _WEEKDAY:
        raise ValueError(f"{shown(text)} is not {A_MONTH_DAY}{nearest(text, MONTH_DAYS)}")
    return NthWeekday(_ORDINALS[ordinal], _WEEKDAY[weekday])


def day_number(number: int) -> DayNumber:
    """Parse a day of the month given as a number."""
    if not 1 <= abs(number) <= _LONGEST_MONTH:
        raise ValueError(f"{number} is not {A_MONTH_DAY}")
    return DayNumber(number)
