"""Check the exclusions of schedules.yaml and turn them into sets of dates.

Errors are added to the faults; the result must then not be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.config.days.attachments import Attachments
from daemon.config.days.calendar_files import TIMED, all_day_events
from daemon.config.days.holidays import public_holidays, subdivisions
from daemon.config.faults import Faults, Place
from daemon.config.notation import is_date_or_range
from daemon.config.sections import DaySourceSection
from daemon.windows.dates import DateRange, DateSet
from daemon.wording import enumerated, shown

Items = tuple[DateRange | DaySourceSection, ...]


@dataclass(slots=True)
class Exclusions:
    """Parses the exclusions of one file."""

    attachments: Attachments
    faults: Faults

    def read(
        self, places: Mapping[str, Place], usable: Mapping[str, Items]
    ) -> dict[str, DateSet | None]:
        """Return the days of each name in *places*; None for those that have faults."""
        for name in filter(is_date_or_range, places):
            message = f"{name} reads as a date where windows name it: give it another name"
            self.faults.add_at_key(places[name], message)
        return {
            name: self._days(place, usable[name]) if name in usable else None
            for name, place in places.items()
        }

    def _days(self, place: Place, items: Items) -> DateSet:
        ranges: list[DateRange] = []
        for index, item in enumerate(items):
            if isinstance(item, DateRange):
                ranges.append(item)
            else:
                ranges += self._source(place.at(index), item)
        return DateSet.of(ranges)

    def _source(self, place: Place, section: DaySourceSection) -> tuple[DateRange, ...]:
        if place.has("subdivision") and not place.has("holidays"):
            message = "a subdivision is that of a country: name it under holidays"
            self.faults.add_at_key(place.at("subdivision"), message)
        if section.ics is not None:
            return self._calendar(place.at("ics"), section.ics)
        if section.holidays is not None:
            return self._holidays(place, section.holidays, section.subdivision)
        return ()

    def _calendar(self, place: Place, name: str) -> tuple[DateRange, ...]:
        try:
            text = self.attachments.read(name)
        except ValueError as exc:
            self.faults.add(place, str(exc))
            return ()
        try:
            found = all_day_events(text)
        except ValueError as exc:
            self.faults.add(place, f"{name}: {exc}")
            return ()
        if not found.ranges:
            self.faults.warn(place, f"{name}: it has no all-day event and excludes nothing")
        for each in found.passed_over.items():
            self.faults.warn(place, f"{name}: {_passed_over(*each)}")
        return found.ranges

    def _holidays(
        self, place: Place, country: str, subdivision: str | None
    ) -> tuple[DateRange, ...]:
        try:
            parts = subdivisions(country)
        except ValueError as exc:
            self.faults.add(place.at("holidays"), str(exc))
            return ()
        if subdivision is None or subdivision in parts:
            return public_holidays(country, subdivision)
        known = f"known: {', '.join(parts)}" if parts else "it has none"
        message = f"{shown(subdivision)} is no part of {country} with holidays of its own: {known}"
        self.faults.add(place.at("subdivision"), message)
        return ()


def _passed_over(what: str, lines: tuple[int, ...]) -> str:
    """Return a remark about events of a calendar, by line: no remark quotes another file."""
    only = "only all-day events count; " if what == TIMED else ""
    where = f"in line{'s' if lines[1:] else ''} {enumerated(map(str, lines))}"
    return f"{only}{len(lines)} {what} passed over, {where}"
