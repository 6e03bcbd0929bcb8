"""What `status` prints for people: what is open, held and failing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text  # noqa: TID251  # as a type

from daemon.cli.reports.openings import in_short, reasons
from daemon.cli.reports.skipped import words
from daemon.cli.reports.tables import (
    Row,
    lay_out,
    line_width,
    styled,
    wrapped,
)
from daemon.cli.reports.times import format_local, span
from daemon.core.progress import Progress
from daemon.core.record import Record
from daemon.ledger.state import Member
from daemon.monitoring.status import Skipped, StatusReport, is_overdue, member_problems
from daemon.windows.window import Opening
from daemon.wording import enumerated

FAULTS_SHOWN = 5
FEW = 3
"""Up to this many repositories in the same state have a row each; more share one."""

_Table = Sequence[tuple[Sequence[Text], int]]
"""The lines of each row, with how many things the row is about; those of the titles first."""


def render(status: StatusReport, height: int | None = None) -> list[Text]:
    """Return the lines; tables that are too long for *height* are cut at their end."""
    width = line_width()
    lines = [line for part in _daemon_lines(status) for line in _wrapped(part, width)]
    openings, holds = _openings(status, width), _holds(status, width)
    if status.members:
        lines += [styled(), *_cut(_members(status.members, width), None)]
    least = left = None
    if height is not None:
        # Two lines are empty. Holds matter more, and get at least half of what is left.
        left = height - len(lines) - 2
        least = max(left // 2, left - _size(holds))
        left -= min(_size(openings), least)
    for table, most in ((openings, least), (holds, left)):
        if table:
            lines += [styled(), *_cut(table, most)]
    if owed := [line for part in _owed(status) for line in _wrapped(part, width)]:
        lines += [styled(), *owed]
    return lines if holds else [*lines, styled(), styled("No repository is held.")]


def _wrapped(text: Text, width: int | None) -> Sequence[Text]:
    """Return a line in pieces that fit, what follows the first indented."""
    return (
        [text] if width is None else [Text(line, text.style) for line in wrapped(text.plain, width)]
    )


def _size(table: _Table) -> int:
    return sum(len(lines) for lines, _ in table)


def _cut(table: _Table, height: int | None) -> Iterator[Text]:
    """Yield the rows for which there is room, and a line with the number of things left out."""
    if height is None or _size(table) <= height:
        yield from (line for lines, _ in table for line in lines)
        return
    left, missing = height - 1, sum(count for _, count in table)
    for lines, count in table:
        left -= len(lines)
        if left < 0:
            break
        missing -= count
        yield from lines
    yield styled(f"and {missing} more", "dim")


def _daemon_lines(status: StatusReport) -> Iterator[Text]:
    daemon = status.daemon
    if daemon.running:
        since = f", for {span(status.now - daemon.since)}" if daemon.since else ""
        yield styled(f"The daemon runs: pid {daemon.pid} on {daemon.host}{since}.")
        yield from _what_is_well(status)
    else:
        yield styled("No daemon runs on this ledger.", "bold yellow")
        if status.holds:
            advice = "What it holds stays paused until one does: systemctl start cbmaintd"
            yield styled(advice, "bold red")
    for cluster in status.unreachable:
        since = span(status.now - cluster.since)
        what = f"{cluster.cluster} is not responding correctly, for {since}"
        yield styled(f"{what}: {cluster.error}: {cluster.message}", "bold red")
    if daemon.config == "rejected":
        said = "The file was rejected; the last good one is in force. The faults:"
        yield styled(said, "bold red")
        faults = daemon.reading.faults
        yield from (styled(f"  {fault}") for fault in faults[:FAULTS_SHOWN])
        if more := faults[FAULTS_SHOWN:]:
            yield styled(f"  and {len(more)} more")


def _what_is_well(status: StatusReport) -> Iterator[Text]:
    """Yield what is in force, and which clusters need no thought."""
    if status.file:
        since = f", for {span(status.now - status.applied)}" if status.applied else ""
        yield styled(f"In force: {status.file}{since}.")
    if status.answering:
        verb = "answers" if len(status.answering) == 1 else "answer"
        yield styled(f"{enumerated(status.answering)} {verb}.")


def _owed(status: StatusReport) -> Iterator[Text]:
    if status.owed:
        names = enumerated(str(record.key) for record in status.owed)
        yield styled(f"Backups still to be started: {len(status.owed)} ({names})", "yellow")


def _members(members: Sequence[Member], width: int | None) -> _Table:
    rows = []
    for member in members:
        problems = ", ".join(member_problems(member))
        cells = (
            member.name,
            str(member.clusters),
            f"{member.age.total_seconds():.1f} s ago, lease {span(member.lease)}",
            member.version,
        )
        rows.append((Row(cells, problems, "bold red" if problems else ""), 1))
    return _table(("DAEMON", "CLUSTERS", "HEARD OF", "VERSION"), rows, width)


def _openings(status: StatusReport, width: int | None) -> _Table:
    # A window that overlaps itself is one row: what counts is its last end.
    last = {opening.window: opening for opening in sorted(status.open_now, key=_by_end)}
    rows = [_open_row(status, opening) for opening in last.values()]
    for opening in status.upcoming:
        found = status.progress.get(opening.id)
        rows.append(
            Row(
                (
                    opening.window,
                    "next",
                    in_short(found) if found else "",
                    _coming(status, opening),
                ),
                reasons(found) if found else "",
            )
        )
    rows += [_cancelled(skipped) for skipped in status.skipped]
    return _table(("WINDOW", "", "REPOSITORIES", "WHEN"), [(row, 1) for row in rows], width)


def _by_end(opening: Opening) -> datetime:
    return opening.end


def _open_row(status: StatusReport, opening: Opening) -> Row:
    found = status.progress.get(opening.id, Progress())
    when = f"ends in {span(opening.end - status.now)}, {format_local(opening.local_end)}"
    if decision := status.unplanned.get(opening.window):
        when += f"; opened by {decision.by}"
        when += f": {decision.reason}" if decision.reason else ""
    style = "bold" if found.is_complete else "bold red"
    return Row((opening.window, "open", in_short(found), when), reasons(found), style)


def _coming(status: StatusReport, opening: Opening) -> str:
    """Return when an opening begins, and when its pauses do, if that is earlier."""
    when = f"opens in {span(opening.start - status.now)}, {format_local(opening.local_start)}"
    if opening.pause_from == opening.start:
        return when
    pause = opening.pause_from.astimezone(opening.zone)
    verb = "pauses since" if opening.pause_from <= status.now else "pauses at"
    return f"{verb} {pause:%H:%M}, {when}"


def _cancelled(skipped: Skipped) -> Row:
    opening = skipped.opening
    when = f"not {format_local(opening.local_start)}; {words(skipped)}"
    return Row((opening.window, "skipped", "", when), style="dim")


def _holds(status: StatusReport, width: int | None) -> _Table:
    """Return a row for each hold, or one for many in the same state; trouble first."""
    alike: dict[tuple[object, ...], list[Record]] = {}
    for hold in status.holds:
        same = (hold.key.cluster, *_about(hold, status.now), *_problems_of_hold(hold, status.now))
        alike.setdefault(same, []).append(hold)
    rows = []
    for holds in alike.values():
        if len(holds) <= FEW:
            rows += [(_row(str(hold.key), [hold], status.now), 1) for hold in holds]
        else:
            name = f"{holds[0].key.cluster}: {len(holds)} repositories"
            rows.append((_row(name, holds, status.now), len(holds)))
    rows.sort(key=lambda each: (not each[0].style, not each[0].note))
    return _table(("REPOSITORY", "STATE", "SINCE", "WINDOWS"), rows, width)


def _row(name: str, holds: Sequence[Record], now: datetime) -> Row:
    first = holds[0]
    problems = [*_problems_of_hold(first, now)]
    attempts = [hold.next_attempt for hold in holds if hold.next_attempt]
    if attempts and min(attempts) > now:
        problems.append(f"again in {span(min(attempts) - now)}")
    style = "bold red" if is_overdue(first, now) else ""
    return Row((name, *_about(first, now)), ", ".join(problems), style)


def _about(hold: Record, now: datetime) -> tuple[str, str, str]:
    since = f"{span(now - hold.since)} ago" if hold.since else ""
    return str(hold.phase), since, enumerated(hold.windows)


def _table(titles: Sequence[str], rows: Sequence[tuple[Row, int]], width: int | None) -> _Table:
    """Lay rows out, each with how many things it is about; nothing if there are none."""
    lines = lay_out(titles, [row for row, _ in rows], width)
    return list(zip(lines, [0, *(count for _, count in rows)], strict=True)) if rows else []


def _problems_of_hold(hold: Record, now: datetime) -> Iterator[str]:
    if hold.until and is_overdue(hold, now):
        yield f"overdue for {span(now - hold.until)}"
    if hold.running:
        yield f"still running: {', '.join(hold.running)}"
    if hold.last_error:
        yield hold.last_error
