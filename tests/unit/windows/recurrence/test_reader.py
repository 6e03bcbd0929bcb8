"""Recurrence rules as text: what they mean, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.recurrence.expansion import first_time
from daemon.windows.recurrence.parts import parse
from daemon.windows.recurrence.reader import local_times, read_rrule
from daemon.windows.wallclock import Reading
from tests.unit.counting import calls_of

UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
BEGIN = datetime.fromisoformat("2026-01-25T02:00")
FAR = datetime.fromisoformat("2099-01-01T00:00")


def rrule(
    rule: str, count: int, *, begin: datetime = BEGIN, zone: ZoneInfo = UTC_ZONE
) -> list[str]:
    """Return the first times of a rule."""
    found = local_times(parse(rule, begin), zone, begin, FAR)
    return [f"{at:%Y-%m-%dT%H:%M}" for at in islice(found, count)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=MONTHLY;INTERVAL=3;BYDAY=-1SU", ["2026-01-25", "2026-04-26", "2026-07-26"]),
        ("RRULE:FREQ=DAILY;COUNT=2", ["2026-01-25", "2026-01-26"]),
        ("freq=weekly;byday=mo,we;interval=2", ["2026-02-02", "2026-02-04", "2026-02-16"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["2026-01-30", "2026-02-27"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29", "2032-02-29"]),
        ("FREQ=YEARLY;INTERVAL=400", ["2026-01-25"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", ["2026-01-25", "2026-01-26", "2026-02-08"]),
        ("FREQ=DAILY;COUNT=2;", ["2026-01-25", "2026-01-26"]),
        ("FREQ=MONTHLY;BYDAY=SU,1MO", ["2026-01-25", "2026-02-01", "2026-02-02", "2026-02-08"]),
        ("FREQ=YEARLY;BYWEEKNO=20", ["2026-05-17", "2027-05-23", "2028-05-21"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", ["2026-05-11", "2027-05-17", "2028-05-15"]),
        ("FREQ=YEARLY;BYMONTHDAY=-1", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=WEEKLY;BYDAY=MO,SA;BYSETPOS=1", ["2026-01-26", "2026-02-02", "2026-02-09"]),
    ],
)
def test_rules_of_rfc_5545(rule: str, expected: list[str]) -> None:
    """A rule names local times from its start on, at the start's time of day."""
    read_rrule(rule, BEGIN)

    assert rrule(rule, len(expected)) == [f"{day}T02:00" for day in expected]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("FREQ=SECONDLY", "too fine"),
        ("FREQ=MINUTELY;INTERVAL=30", "too fine"),
        ("RRULE:FREQ=MINUTELY", "too fine"),
        ("FREQ=FORTNIGHTLY", "FREQ is missing or unknown"),
        ("BYDAY=SU", "FREQ is missing or unknown"),
        ("nonsense", "is not a part of a rule"),
        ("", "is not a part of a rule"),
        ("FREQ=DAILY;;", "is not a part of a rule"),
        (";", "is not a part of a rule"),
        ("FREQ=DAILY;BYEASTER=0", "is not a part of a rule"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "is not a part of a rule"),
        ("FREQ=DAILY\nRRULE:FREQ=DAILY", "FREQ is missing or unknown"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1"),
        ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL=1,2"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY=0"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,32", "BYMONTHDAY=32"),
        ("FREQ=YEARLY;BYWEEKNO=-54", "BYWEEKNO=-54"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "BYSETPOS=0"),
        ("FREQ=DAILY;BYHOUR=two", "BYHOUR=TWO"),
        ("FREQ=WEEKLY;BYDAY=", "is not a part of a rule"),
        ("FREQ=WEEKLY;BYDAY=SUN", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY is a list"),
        ("FREQ=WEEKLY;WKST=1", "WKST is one of"),
        ("FREQ=WEEKLY;BYDAY=2TU", "numbers go with"),
        ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY=54MO: .* from 1 to 53, or -1 to -53"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "numbers do not go with BYWEEKNO"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "does not go with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "does not go with FREQ=MONTHLY"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "does not go with FREQ=MONTHLY"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS chooses"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "exclude each other"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL is a date"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL is a date"),
    ],
)
def test_no_rule_of_rfc_5545(rule: str, complaint: str) -> None:
    """What the RFC does not know, or libraries silently read as something else, is an error."""
    with pytest.raises(ValueError, match=complaint):
        read_rrule(rule, BEGIN)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=3",
        "FREQ=YEARLY;BYWEEKNO=30;BYMONTH=1",
        "FREQ=DAILY;UNTIL=20250101T000000Z",
    ],
)
def test_a_rule_that_never_fires(rule: str) -> None:
    """Rule 5: a rule that never fires is refused, whatever its parts leave nothing of."""
    with pytest.raises(ValueError, match="never fires"):
        read_rrule(rule, BEGIN)


def test_a_start_with_an_offset() -> None:
    """The start of a rule is a local time: an offset is refused."""
    with pytest.raises(ValueError, match="without offset"):
        read_rrule("FREQ=DAILY", BEGIN.replace(tzinfo=UTC_ZONE))


@pytest.mark.parametrize(
    ("until", "zone", "last"),
    [
        ("20260127T020000", BERLIN, "2026-01-27T02:00"),
        ("20260127T015959", BERLIN, "2026-01-26T02:00"),
        ("20260127T010000Z", BERLIN, "2026-01-27T02:00"),
        ("20260127T005959Z", BERLIN, "2026-01-26T02:00"),
        ("20260127T010000Z", UTC_ZONE, "2026-01-26T02:00"),
        ("20260127", BERLIN, "2026-01-27T02:00"),
    ],
)
def test_until(until: str, zone: ZoneInfo, last: str) -> None:
    """UNTIL is included; in UTC it is an instant, without clock time it is the whole local day."""
    found = rrule(f"FREQ=DAILY;UNTIL={until}", 10, zone=zone)

    assert found[-1] == last


@pytest.mark.parametrize("until", ["99991231T235959Z", "00010101T000000Z"])
def test_until_at_the_ends_of_the_calendar(until: str) -> None:
    """An UNTIL that stands for always or never overflows nothing, in any zone."""
    zones = (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12"))

    found = [len(rrule(f"FREQ=DAILY;UNTIL={until}", 3, zone=zone)) for zone in zones]

    assert found == ([3, 3] if until.startswith("9") else [0, 0])


@pytest.mark.parametrize(
    ("rule", "reading"),
    [
        ("FREQ=DAILY;BYHOUR=1,2,3", Reading.NAMED),
        ("FREQ=HOURLY", Reading.REAL),
        ("FREQ=HOURLY;INTERVAL=1;BYDAY=SU", Reading.REAL),
        ("FREQ=HOURLY;INTERVAL=6", Reading.EVERY),
        ("FREQ=HOURLY;BYHOUR=2", Reading.EVERY),
    ],
)
def test_rule_readings(rule: str, reading: Reading) -> None:
    """Hourly rules fire at every real instant; those that name some hours miss none in a gap."""
    assert parse(rule, BEGIN).reading is reading


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY;INTERVAL=7",
        "FREQ=HOURLY;INTERVAL=3;BYHOUR=2,5,11;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=DAILY;INTERVAL=5;BYMONTH=1,2",
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,WE,MO;WKST=SU",
        "FREQ=WEEKLY;INTERVAL=2",
        "FREQ=MONTHLY;INTERVAL=5;BYDAY=2TU",
        "FREQ=DAILY;COUNT=900",
    ],
)
@pytest.mark.parametrize("days", [0, 1, 17, 365, 831])
def test_where_one_looks_changes_nothing(rule: str, days: int) -> None:
    """A rule names the same times whether it is followed from its start or from later on."""
    later = BEGIN + timedelta(days=days, minutes=1)
    end = later + timedelta(days=500)

    found = list(local_times(parse(rule, BEGIN), UTC_ZONE, later, end))

    assert found == [
        at for at in local_times(parse(rule, BEGIN), UTC_ZONE, BEGIN, end) if at >= later
    ]
    assert found


def test_an_old_rule_goes_on() -> None:
    """Our bound on following a rule is centuries away from its start."""
    begin = datetime.fromisoformat("1970-02-28T02:00")
    later = datetime.fromisoformat("2150-01-01T00:00")

    (found, *_) = local_times(
        read_rrule("FREQ=YEARLY", begin), UTC_ZONE, later, later + timedelta(days=366)
    )

    assert f"{found:%Y-%m-%d}" == "2150-02-28"


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=DAILY;INTERVAL=99991;BYDAY=WE", "2299-11-01"),
        ("FREQ=WEEKLY;INTERVAL=9999;BYMONTH=9", "2217-09-14"),
        ("FREQ=HOURLY;INTERVAL=999999;BYMONTH=2,3", "2140-02-23"),
    ],
)
def test_a_rule_that_fires_in_centuries_is_not_followed_there(rule: str, first: str) -> None:
    """Months without a day of the rule's own periods are not looked at."""
    found, calls = calls_of(lambda: first_time(parse(rule, BEGIN)))

    assert f"{found:%Y-%m-%d}" == first
    assert calls < 8_000
