"""What an edit of the file does to the openings: which appear, which vanish, which move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from daemon.cli import output
from daemon.cli.reports.tables import Row, show_rows
from daemon.cli.reports.times import format_local
from daemon.errors import UsageError
from daemon.monitoring.status import opening_json
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening
from daemon.wording import counted

LONGEST_DAY = timedelta(hours=25)
"""One on which clocks go back."""


class Change(StrEnum):
    """What an edit does to an opening."""

    APPEARS = "appears"
    VANISHES = "vanishes"
    MOVES = "moves"


_STYLES = {Change.APPEARS: "green", Change.VANISHES: "red", Change.MOVES: "yellow"}


@dataclass(frozen=True, slots=True)
class Difference:
    """An opening before and after the edit; one of them may be missing."""

    before: Opening | None
    after: Opening | None

    @property
    def change(self) -> Change:
        """What the edit does to it."""
        if self.before and self.after:
            return Change.MOVES
        return Change.APPEARS if self.after else Change.VANISHES

    @property
    def opening(self) -> Opening:
        """The opening as it will be, or as it was if it vanishes."""
        return next(opening for opening in (self.after, self.before) if opening)

    def meets(self, start: datetime, end: datetime) -> bool:
        """Check whether it is about `[start, end)`, before the edit or after it."""
        both = (self.before, self.after)
        return any(opening.start < end and opening.end > start for opening in both if opening)


def compare(before: Iterable[Opening], after: Iterable[Opening]) -> list[Difference]:
    """Return what differs, by time and window; what still opens on its local day has moved."""
    old, new = _by_interval(before), _by_interval(after)
    vanished = _by_day(old[key] for key in old.keys() - new.keys())
    appeared = _by_day(new[key] for key in new.keys() - old.keys())
    differences = [
        Difference(*pair)
        for day in vanished.keys() | appeared.keys()
        for pair in zip_longest(vanished.get(day, ()), appeared.get(day, ()))
    ]
    return sorted(differences, key=lambda each: (each.opening.start, each.opening.window))


def between(before: Timeline, after: Timeline, start: datetime, end: datetime) -> list[Difference]:
    """Return what differs in the openings that meet `[start, end)`, before the edit or after it.

    Raises:
        UsageError: there are no days around that time.

    """
    wider = _wider(start, end)
    found = compare(before.openings(*wider), after.openings(*wider))
    return [difference for difference in found if difference.meets(start, end)]


def _wider(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return a day more on both sides: an opening at the edge of a period may have moved out."""
    try:
        return start - LONGEST_DAY, end + LONGEST_DAY
    except OverflowError as exc:
        raise UsageError("a day around that time is beyond the calendar") from exc


def retargeted(before: Timeline, after: Timeline) -> list[str]:
    """Return the windows that both have, but for other repositories."""
    shared = before.windows.keys() & after.windows.keys()
    return sorted(
        name for name in shared if before.windows[name].targets != after.windows[name].targets
    )


def document(differences: Sequence[Difference], retargets: Sequence[str]) -> dict[str, object]:
    """Return it as one JSON document; an opening is as in the calendar, or null."""
    return {
        "openings": [
            {
                "change": each.change,
                "before": each.before and opening_json(each.before),
                "after": each.after and opening_json(each.after),
            }
            for each in differences
        ],
        "other_repositories": list(retargets),
    }


def show(
    differences: Sequence[Difference],
    retargets: Sequence[str],
    days: int,
    most: int | None = None,
) -> None:
    """Print it as a table and a sentence for each window that is for other repositories.

    The table has at most *most* rows, and then says how many more there are.
    """
    if differences:
        show_rows(("WINDOW", "CHANGE", "BEFORE", "AFTER"), map(_row, differences[:most]))
        if most is not None and (rest := len(differences[most:])):
            output.say(f"and {rest} more")
    else:
        output.say(f"no opening within {counted(days, 'day', 'days')} has changed")
    for name in retargets:
        output.say(f"{name}: is for different repositories than before")


def _by_interval(
    openings: Iterable[Opening],
) -> dict[tuple[str, datetime, datetime], Opening]:
    return {(opening.window, opening.start, opening.end): opening for opening in openings}


def _by_day(openings: Iterable[Opening]) -> dict[tuple[str, date], list[Opening]]:
    days: dict[tuple[str, date], list[Opening]] = {}
    for opening in sorted(openings, key=lambda each: each.start):
        days.setdefault((opening.window, opening.day), []).append(opening)
    return days


def _row(each: Difference) -> Row:
    cells = (each.opening.window, each.change, _said(each.before), _said(each.after))
    return Row(cells, style=_STYLES[each.change])


def _said(opening: Opening | None) -> str:
    if opening is None:
        return "-"
    start, end = opening.local_start, opening.local_end
    if end - start >= timedelta(hours=24):
        return f"{format_local(start)} - {format_local(end)}"
    zone = f" {start:%Z}" if start.tzname() != end.tzname() else ""
    return f"{start:%a %Y-%m-%d %H:%M}{zone}-{end:%H:%M %Z}"
