"""`calendar`, `why`, `status` and the daemon say the same of windows that are easily misread."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.cli.reports.times import format_local
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.runtime.parts import DaemonParts
from daemon.runtime.rules import rules_at
from daemon.windows.timeline import Timeline
from tests.unit.cli.ended import ended

OFF = (
    "BEGIN:VCALENDAR|BEGIN:VEVENT|UID:s|DTSTART;VALUE=DATE:20261207|RRULE:FREQ=WEEKLY;"
    "UNTIL=20261231;|CREATED:00001231T000000Z|END:VEVENT|BEGIN:VEVENT|UID:s|RECURRENCE-ID;"
    "VALUE=DATE:20261214|DTSTART;VALUE=DATE:20261215|RRULE:FREQ=DAILY|END:VEVENT|BEGIN:VEVENT|"
    "UID:r|SEQUENCE:1|DTSTART;VALUE=DATE:20261208|END:VEVENT|BEGIN:VEVENT|UID:r|SEQUENCE:2|"
    "DTSTART;VALUE=DATE:20261209|END:VEVENT|BEGIN:VEVENT|UID:u|DTSTART;VALUE=DATE:20261224|"
    "DTEND;VALUE=DATE:20261227|RRULE:FREQ=YEARLY;INTERVAL=1;UNTIL=20251224|END:VEVENT|"
    "END:VCALENDAR|"
).replace("|", "\r\n")

WEEKLY = "weekly: {days: [%s], start: %s, end: %s}"
RRULE = 'rrule: {rule: "FREQ=%s", from: %s, duration: 10m}'
ALWAYS = "always-open"
# Each with its zone, a time before it opens, and how many openings there are in the 40 days after.
CASES = {
    "position": (
        RRULE % ("WEEKLY;BYDAY=MO,SA;BYSETPOS=1", "2026-01-07T02:00"),
        "",
        "2026-01-05",
        5,
    ),
    "until-day": (
        RRULE % ("DAILY;UNTIL=20171029T011500Z", "2017-10-27T03:30"),
        *("Europe/Helsinki", "2017-10-20", 3),
    ),
    "until-first": (
        RRULE % ("HOURLY;UNTIL=20171029T004500Z", "2017-10-29T01:30"),
        *("Europe/Helsinki", "2017-10-20", 3),
    ),
    "count-autumn": (
        RRULE % ("HOURLY;COUNT=4", "2017-10-29T01:30"),
        *("Europe/Helsinki", "2017-10-20", 4),
    ),
    "count-spring": (
        RRULE % ("HOURLY;COUNT=4", "2017-03-26T01:30"),
        *("Europe/Helsinki", "2017-03-20", 4),
    ),
    "since-1970": (RRULE % ("HOURLY;COUNT=999999", "1970-01-05T02:00"), "", "2026-12-01", 960),
    "week-number": (RRULE % ("YEARLY;BYWEEKNO=1", "2026-01-07T02:00"), "", "2026-12-20", 1),
    "excluded": (
        WEEKLY % ("daily", "02:00", "03:00") + "\n    exclude: [off]",
        *("Europe/Berlin", "2026-12-01", 32),
    ),
    "weekend": (WEEKLY % ("fri", "22:00", "monday 06:00"), "Europe/Berlin", "2027-03-20", 6),
    "two-days": (WEEKLY % ("sat", "05:00", "+1d 19:00"), "Europe/Berlin", "2026-10-20", 6),
    "cron-either": ('cron: {expression: "0 2 1-7 * SAT", duration: 1h}', "", "2026-12-01", 18),
    "one-day": (
        WEEKLY % ("daily", "02:00", "03:00")
        + "\n    valid_from: 2026-12-05\n    valid_until: 2026-12-05",
        *("", "2026-12-01", 1),
    ),
    ALWAYS: (WEEKLY % ("daily", "00:00", "24:00"), "Asia/Kolkata", "2026-12-01", 41),
}
HEAD = 'clusters:\n  c: {url: "http://127.0.0.1:9", username: u, password_env: P}\n'


class Site:
    """All cases in one file, each for a repository of its name, and a daemon's ledger."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Write the file."""
        self.capsys, self.folder = capsys, folder
        (folder / "off.ics").write_text(OFF)
        lines = [HEAD, "exclusions: {off: [{ics: off.ics}]}\nwindows:\n"]
        for name, (rule, zone, *_) in CASES.items():
            lines.append(f"  {name}:\n    {rule}\n    timezone: {zone or 'UTC'}\n")
            lines.append(f"    repositories: {{c: [{name}]}}\n")
        (folder / "s.yaml").write_text("".join(lines))
        self.settings: Settings = load(folder / "s.yaml", environ={"P": "x"})

    def ask(self, *arguments: str) -> str:
        """Return what a command prints."""
        places = ("--config", f"{self.folder}/s.yaml", "--ledger", f"sqlite:///{self.folder}/l.db")
        done = ended(self.capsys, *arguments, *places)
        assert done.code == 0, done.err
        return done.out

    def why(self, name: str, at: datetime) -> list[str]:
        """Return what is said of a case's repository."""
        return self.ask("why", f"c/{name}", "--at", at.isoformat()).splitlines()

    def calendar(self, start: datetime) -> list[dict[str, Any]]:
        """List the openings of forty days."""
        told = self.ask("calendar", "--from", start.isoformat(), "--days=40", "--output=json")
        return list(json.loads(told))


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    """Return a site whose file is in force."""
    with open_ledger(f"sqlite:///{tmp_path}/l.db", Access.DAEMON) as ledger:
        site = Site(tmp_path, capsys)
        ledger.save_config(site.settings.applied(datetime.now(UTC)))
        yield site


def daemons(settings: Settings, now: datetime) -> Timeline:
    """Return the timeline by which the daemon goes."""
    parts = cast("DaemonParts", SimpleNamespace(dry_run=False, loss=None))
    return rules_at(now, settings, (), parts, may_pause=True).timeline


def edges(opening: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return start and end of an opening in UTC."""
    start, end = (
        datetime.fromisoformat(opening[edge]).astimezone(UTC) for edge in ("start", "end")
    )
    return start, end


def test_all_agree_on_when_windows_open(site: Site) -> None:
    """Each opening of the calendar is one of the daemon's, and `why` changes its mind with both."""
    known: dict[str, list[dict[str, Any]]] = {}
    for name, (*_, since, count) in CASES.items():
        start = datetime.fromisoformat(since).replace(tzinfo=UTC)
        if since not in known:
            known[since] = site.calendar(start)
        listed = [edges(each) for each in known[since] if each["window"] == name]
        timeline = daemons(site.settings, start)

        assert len(listed) == count, name
        found = timeline.windows[name].openings(start, start + timedelta(days=40))
        assert [(each.start, each.end) for each in found] == listed
        for begin, end in (listed[0], listed[-1]):
            wanted = timeline.desired("c", [name], begin)[name]
            assert wanted.openings[-1].start == begin
            assert wanted.openings[-1].end == end
            before = timeline.desired("c", [name], begin - timedelta.resolution)
            assert (name in before) is (name == ALWAYS)
        begin, end = listed[-1]
        first, change = site.why(name, begin)[:2]
        until = timeline.desired("c", [name], begin)[name].until
        ends = "for more than 400 days" if name == ALWAYS else f"until {format_local(until)}"
        for part in (name, format_local(begin), ends):
            assert part in first.removeprefix(f"c/{name}")
        assert (format_local(until) in change) is (name != ALWAYS)
        just_before = begin - timedelta(seconds=1)
        first = site.why(name, just_before)[0]
        is_open = name in timeline.desired("c", [name], just_before)
        assert (" until " in first or " for more than " in first) is is_open


def test_status_agrees_with_the_calendar_from_now_on(site: Site) -> None:
    """What is open, and what is next, is what the calendar begins with."""
    told = json.loads(site.ask("status", "--output=json"))
    now = datetime.now(UTC)
    listed = site.calendar(now)
    timeline = daemons(site.settings, now)

    opened = {each["window"]: edges(each) for each in told["open"]}
    assert opened == {o.window: (o.start, o.end) for o in timeline.covering(now)}
    assert opened == {each["window"]: edges(each) for each in listed if edges(each)[0] <= now}
    coming = {each["window"]: edges(each) for each in told["next"]}
    first: dict[str, tuple[datetime, datetime]] = {}
    for each in listed:
        if edges(each)[0] > now:
            first.setdefault(each["window"], edges(each))
    assert first.items() <= coming.items()
    assert ALWAYS in opened
