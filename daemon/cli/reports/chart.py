"""The openings of `calendar` at a glance: a row for each window, time from left to right.

Columns are equal spans of elapsed time, so that a day of 23 or 25 hours has its true length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from rich.text import Text  # noqa: TID251  # as a type

from daemon.cli.reports.tables import styled, unbreakable, wrapped
from daemon.windows.wallclock import start_instant
from daemon.windows.window import Opening
from daemon.wording import printable

MOST_ROWS = 40
LONGEST = timedelta(days=14)
"""More than two weeks would leave less than a cell for an ordinary night."""

LEAST_CELLS = 20
ROOM_FOR_WEEKDAYS = 100


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters of a chart: cells by the share that is open, midnights, and cut names."""

    some: str = "░"
    half: str = "▒"
    full: str = "█"
    empty: str = " "
    midnight: str = "┊"
    cut: str = "…"

    def of(self, share: float) -> str:
        """Return the character for a cell of which *share* is open; only 0 looks empty."""
        if share <= 0:
            return self.empty
        if share < 1 / 3:
            return self.some
        return self.half if share < 2 / 3 else self.full


ASCII = Marks(some="-", half="=", full="#", midnight=".", cut="~")
"""For terminals that know nothing else."""


UNICODE = Marks()


@dataclass(frozen=True, slots=True)
class Period:
    """The time asked about, from *start* to *end* (aware), as clocks in *zone* show it."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    now: datetime

    @property
    def is_current(self) -> bool:
        """Check whether it includes `now`."""
        return self.start <= self.now < self.end


@dataclass(frozen=True, slots=True)
class _Scale:
    """A number of cells from *start* to *end* (UTC), with the clocks of *zone*."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    cells: int

    @property
    def step(self) -> timedelta:
        return (self.end - self.start) / self.cells

    def cell(self, instant: datetime) -> int:
        """Return the cell that an instant lies in."""
        return min(max(int((instant - self.start) / self.step), 0), self.cells - 1)

    def midnights(self) -> Iterator[tuple[int, datetime]]:
        """Yield the first instant of each local day, with its cell."""
        day, last = (at.astimezone(self.zone).date() for at in (self.start, self.end))
        while day <= last:
            first = start_instant(datetime(day.year, day.month, day.day), self.zone)  # noqa: DTZ001  # local
            if self.start <= first < self.end:
                yield self.cell(first), first.astimezone(self.zone)
            day += timedelta(days=1)

    def changes(self) -> Iterator[tuple[int, datetime, datetime]]:
        """Yield each local day on which clocks change: the cell, its midnight and the next."""
        days = [midnight for _, midnight in self.midnights()]
        around = [self.start.astimezone(self.zone), *days, self.end.astimezone(self.zone)]
        for before, after in pairwise(around):
            if before.utcoffset() != after.utcoffset():
                yield self.cell(before), before, after

    def shares(self, openings: Iterable[Opening]) -> list[float]:
        """Return the share of each cell that is open."""
        found = [0.0] * self.cells
        for opening in openings:
            begin, stop = max(opening.start, self.start), min(opening.end, self.end)
            if begin >= stop:
                continue
            for cell in range(self.cell(begin), self.cell(stop) + 1):
                left = self.start + cell * self.step
                inside = min(stop, left + self.step) - max(begin, left)
                found[cell] += max(inside / self.step, 0.0)
        return found


def draw_chart(
    openings: Iterable[Opening],
    asked: Period,
    width: int,
    marks: Marks = UNICODE,
    height: int | None = None,
) -> list[Text]:
    """Draw at most two weeks of what is *asked* in lines of at most *width* characters.

    Where there are more windows than *height* lines show, the first ones are drawn: its legend
    stays in sight.
    """
    start, end = asked.start.astimezone(UTC), asked.end.astimezone(UTC)
    period = replace(asked, start=start, end=min(end, start + LONGEST))
    rows: dict[str, list[Opening]] = {}
    for opening in openings:
        if opening.start < period.end:
            rows.setdefault(printable(opening.window), []).append(opening)
    if not rows:
        return []
    margin = min(max(map(len, rows)), width // 4)
    cells = max(width - margin - 2, LEAST_CELLS)
    scale = _Scale(period.start, period.end, period.zone, cells)
    ruler = "".join(_ruler(scale, marks))
    lines = [styled(" " * (margin + 2) + _labels(scale), "dim")]
    signs = _signs(scale, period)
    if signs.strip():
        lines.append(styled(" " * (margin + 2) + signs, "bold"))
    legend = [styled(line, "dim") for line in _legend(scale, period, width, marks)]
    most = MOST_ROWS if height is None else min(MOST_ROWS, height - len(lines) - len(legend))
    if len(rows) > most:
        # One line says how many more there are.
        most = max(most - 1, 1)
    for name in list(rows)[:most]:
        short = name if len(name) <= margin else name[: margin - 1] + marks.cut
        lines.append(styled(f"{short:<{margin}}  ") + _row(scale.shares(rows[name]), ruler, marks))
    if len(rows) > most:
        lines.append(styled(f"and {len(rows) - most} more", "dim"))
    return lines + legend


def _ruler(scale: _Scale, marks: Marks) -> Iterator[str]:
    midnights = {cell for cell, _ in scale.midnights()}
    for cell in range(scale.cells):
        yield marks.midnight if cell in midnights else marks.empty


def _labels(scale: _Scale) -> str:
    line = ""
    for cell, midnight in scale.midnights():
        label = f"{midnight:%a %d}" if scale.cells >= ROOM_FOR_WEEKDAYS else f"{midnight:%d}"
        if cell >= len(line) + bool(line) and cell + len(label) <= scale.cells:
            line = line.ljust(cell) + label
    return line


def _signs(scale: _Scale, period: Period) -> str:
    signs = [" "] * scale.cells
    for cell, _, _ in scale.changes():
        signs[cell] = "~"
    if period.is_current:
        signs[scale.cell(period.now)] = "v"
    return "".join(signs)


def _row(shares: Sequence[float], ruler: str, marks: Marks) -> Text:
    row = styled()
    for share, mark in zip(shares, ruler, strict=True):
        if share > 0:
            row.append(marks.of(share), style="green")
        else:
            row.append(mark, style="dim")
    return row


def _legend(scale: _Scale, period: Period, width: int, marks: Marks) -> Iterator[str]:
    first, last = (at.astimezone(period.zone) for at in (period.start, period.end))
    for _, before, after in scale.changes():
        yield f"~ clocks change on {before:%a %Y-%m-%d}, from {before:%Z} to {after:%Z}"
    said = [f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, {period.zone.key}"]
    said += ["v is now"] if period.is_current else []
    said += [f"{marks.some} {marks.half} {marks.full}: a little, half, all of the time"]
    yield from wrapped("; ".join(map(unbreakable, said)), width)
