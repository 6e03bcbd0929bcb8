"""`cbmaintd wait`: until all that a window is for is paused, or resumed; `--wait` is the same."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as ProgressBar
from rich.table import Column

from daemon.cli import output, places, schedule
from daemon.cli.reports.tables import console
from daemon.cli.reports.times import format_local
from daemon.cli.schedule import Schedule
from daemon.cli.standing import Standing, read_standing
from daemon.core.progress import NO_DAEMON, Pending, Progress
from daemon.core.record import Phase, Record
from daemon.errors import HostError
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.windows.timeline import ahead
from daemon.windows.window import Opening, window_of
from daemon.wording import enumerated, printable

WAIT_AT_MOST = timedelta(minutes=2)
"""How long it waits unless told otherwise: by then a cluster that answers was asked several times.

For a resume this begins at the end of the opening.
"""

LOOK_EVERY_S = 0.2
REASONS_SHOWN = 3


class Goal(StrEnum):
    """What is waited for."""

    PAUSED = "paused"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Look:
    """How far it is: so many are `done`, others `pending`; `summary` says so once all are."""

    done: int
    pending: list[Pending]
    summary: str = ""


class Watch(Protocol):
    """What is waited for, and how long."""

    name: str
    goal: Goal
    deadline: datetime

    def look(self, standing: Standing) -> Look:
        """Return how far it is. Raises HostError if it will never be."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Wait until a window is paused, or resumed after its end.

    Raises:
        UsageError: there is no such window.
        HostError: the ledger cannot be used, or it is not so in time; names what is not.

    """
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        planned = schedule.in_force(ledger, environ)
        planned.window(args.name)
        standing = read_standing(ledger, planned)
        is_over = not standing.holding(args.name) and bool(_held(standing.records, args.name))
        # What comes next: the resume, if it is not open and something is held.
        goal = Goal(args.goal or (Goal.RESUMED if is_over else Goal.PAUSED))
        wait = until_paused if goal is Goal.PAUSED else until_resumed
        wait(ledger, planned, args.name, timeout=args.timeout)
    return 0


def until_paused(
    ledger: Ledger, planned: Schedule, name: str, *, timeout: timedelta | None = None
) -> None:
    """Wait until all that the window *name* is for is paused.

    Raises:
        HostError: it is not so in time; names what is not.

    """
    deadline = datetime.now(UTC) + (timeout or WAIT_AT_MOST)
    _follow(ledger, planned, PauseWatch(name, deadline))


def until_resumed(
    ledger: Ledger,
    planned: Schedule,
    name: str,
    *,
    timeout: timedelta | None = None,
    held: Iterable[str] = (),
) -> None:
    """Wait until nothing is held any more for the window *name*, which may still have to end.

    What was *held* before that may be resumed by now, and is told as such.

    Raises:
        HostError: it is not so in time; names what is not.

    """
    now = datetime.now(UTC)
    ends = [opening.end for opening in read_standing(ledger, planned).holding(name)]
    deadline = now + timeout if timeout else max([now, *ends]) + WAIT_AT_MOST
    _follow(ledger, planned, ResumeWatch(name, deadline, seen=set(held)))


def held_for(ledger: Ledger, name: str) -> list[str]:
    """Name the repositories that are held for a window. Raises LedgerError."""
    return [str(record.key) for record in _held(ledger.records(), name)]


def _follow(ledger: Ledger, planned: Schedule, watch: Watch) -> None:
    """Look until it is so; what can never be so is said at once."""
    said: set[Pending] = set()
    with _progress_bar() as progress:
        bar = progress.add_task(f"{watch.name} {watch.goal}", total=None, count="", why="")
        while True:
            planned = schedule.refreshed(ledger, planned)
            found = watch.look(read_standing(ledger, planned))
            total = found.done + len(found.pending)
            why = found.pending[0].why if found.pending else ""
            count = f"{found.done} of {total}"
            progress.update(
                bar, total=total or None, completed=found.done, count=count, why=printable(why)
            )
            if not found.pending:
                break
            final = {pending for pending in found.pending if pending.is_final}
            if len(final) == len(found.pending) or datetime.now(UTC) >= watch.deadline:
                raise HostError(f"not {watch.goal}: {_named(found.pending)}")
            for pending in sorted(final - said):
                output.warn(f"cbmaintd: {pending}: {pending.why}")
            said |= final
            time.sleep(LOOK_EVERY_S)
    output.say(found.summary)


def _progress_bar() -> ProgressBar:
    """Return what shows in a terminal how far it is, and what it waits for."""
    out = console(stderr=True)
    # Whoever pages or redirects stdout sees it all the same, and nothing of it stays.
    return ProgressBar(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[why]}", markup=False, table_column=Column(no_wrap=True)),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


def _named(pending: Iterable[Pending]) -> str:
    """Return what is pending, and why: each reason once."""
    found = sorted(pending)
    why = list(dict.fromkeys(each.why for each in found))
    more = "; …" if len(why) > REASONS_SHOWN else ""
    return f"{enumerated(map(str, found))} ({'; '.join(why[:REASONS_SHOWN])}{more})"


def _held(records: Iterable[Record], name: str) -> list[Record]:
    """Return what is held for any opening of a window."""
    return [
        record for record in records if record.is_hold and name in map(window_of, record.openings)
    ]


def _refuse_alone(standing: Standing, goal: Goal, pending: Iterable[Pending]) -> None:
    if not standing.daemon.running:
        raise HostError(
            f"not {goal}: {_named(pending)}; {NO_DAEMON} on this ledger: start cbmaintd run"
        )


@dataclass(slots=True)
class PauseWatch:
    """Waits for all to be paused, until its deadline or the end of the opening."""

    name: str
    deadline: datetime
    goal: Goal = Goal.PAUSED
    was_open: bool = False

    def look(self, standing: Standing) -> Look:
        """Return how far it is. Raises HostError if it is not open, and does not open in time."""
        openings = standing.holding(self.name)
        if not openings:
            return Look(0, [self._coming(standing)])
        self.was_open = True
        # The daemon may look a moment later than this process, at the very start.
        found = standing.progress.get(openings[-1].id, Progress())
        pending = [*found.pending]
        named = {each.cluster for each in pending}
        pending += [
            Pending(cluster, None, "not looked at since it opened")
            for cluster in found.unlisted
            if cluster not in named
        ]
        if pending:
            _refuse_alone(standing, self.goal, pending)
        return Look(found.paused, pending, self._summary(standing, found))

    def _coming(self, standing: Standing) -> Pending:
        """Return the opening that is still to begin, if it does in time."""
        if self.was_open:
            raise HostError(f"not paused: {self.name} is over")
        window = standing.planned.window(self.name)
        coming = next(ahead(window, standing.now), None)
        then = f"; it opens {format_local(coming.local_start)}" if coming else ""
        if coming is None or coming.pause_from > self.deadline:
            raise HostError(f"{self.name} is not open now{then}")
        return Pending(self.name, None, f"it is not open yet{then}")

    def _summary(self, standing: Standing, found: Progress) -> str:
        if not found.wanted:
            return f"there is nothing to pause: nothing matches on {enumerated(found.empty)}"
        held = _held(standing.records, self.name)
        names = sorted(str(record.key) for record in held if record.phase is Phase.PAUSED)
        parts = [f"{found.paused - found.elsewhere} paused: {enumerated(names)}".rstrip(": ")]
        if found.elsewhere:
            parts.append(f"{found.elsewhere} more by somebody else")
        if busy := sorted(str(record.key) for record in held if record.running):
            parts.append(f"tasks still run on {enumerated(busy)}")
        if found.empty:
            parts.append(f"nothing matches on {enumerated(found.empty)}")
        return "; ".join(parts)


@dataclass(slots=True)
class ResumeWatch:
    """Waits until nothing is held for a window, which may still have to end."""

    name: str
    deadline: datetime
    goal: Goal = Goal.RESUMED
    seen: set[str] = field(default_factory=set)

    def look(self, standing: Standing) -> Look:
        """Return how far it is. Raises HostError if no daemon runs."""
        openings, held = standing.holding(self.name), _held(standing.records, self.name)
        names = {str(record.key) for record in held}
        self.seen |= names
        why = self._why(openings)
        pending = [
            Pending(
                record.key.cluster,
                record.key.id,
                f"it failed ({record.last_error})" if record.last_error else why,
            )
            for record in held
        ]
        if openings and not pending:
            pending = [Pending(self.name, None, why)]
        if pending:
            _refuse_alone(standing, self.goal, pending)
        done = self.seen - names
        shared = {str(record.key) for record in standing.records if record.is_hold} & done
        resumed = sorted(done - shared)
        parts = [f"{len(resumed)} resumed: {enumerated(resumed)}"] if resumed else []
        if shared:
            parts.append(f"paused for other windows: {enumerated(sorted(shared))}")
        said = "; ".join(parts) or "nothing is held"
        return Look(len(done), pending, f"{self.name}: {said}")

    def _why(self, openings: list[Opening]) -> str:
        if openings:
            return f"it is open until {format_local(openings[-1].local_end)}"
        return "the resume has not been seen yet"
