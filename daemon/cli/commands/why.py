"""`cbmaintd why`: which openings cover a repository, and why the others do not."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.cli import output, places, schedule
from daemon.cli.instants import read_instant
from daemon.cli.reports.skipped import words
from daemon.cli.reports.times import format_local, span
from daemon.cli.repository_names import parse_repository_name
from daemon.cli.schedule import Schedule
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.core.listing import Listing
from daemon.core.record import Record
from daemon.core.repository import ID_RULE, RepositoryKey, is_id
from daemon.errors import LedgerError, UsageError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.monitoring.status import Skipped
from daemon.windows.bounds import most_a_day
from daemon.windows.timeline import LOOK_AHEAD, Desired, Timeline, ahead
from daemon.windows.window import Opening, Window
from daemon.wording import enumerated, nearest, nearest_or_all, shown

_MOMENT = timedelta.resolution
_LEAST_FOLLOWED = timedelta(days=16)
_MOST_FOLLOWED = 20_000
"""How many openings are followed to the end of what is open without a break: it takes 0.2 s."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what covers the repository, window by window.

    Raises:
        ConfigError: the file is invalid.
        UsageError: a repository or a time makes no sense.

    """
    file = places.find_config(args, environ)
    settings = load(file, environ=environ, check_secrets=False)
    key = _key(args.repository, settings)
    planned, record, listed = _read(args, environ, settings, key)
    now = datetime.now(UTC)
    at = read_instant("--at", args.at, settings.timezone) if args.at else now
    for line in _explain(key, planned, at, settings.windows):
        output.say(line)
    if listed and key.id not in listed:
        output.say(
            f"But {key.cluster} had no repository {key.id} when it was last listed"
            f"{nearest(key.id, listed)}"
        )
    if record and not args.at:
        for line in _ledger_lines(record, planned, now):
            output.say(line)
    return 0


def _key(text: str, settings: Settings) -> RepositoryKey:
    cluster, id_ = parse_repository_name(text, text, "CLUSTER/REPOSITORY, such as prod/orders")
    if cluster not in settings.clusters:
        known = nearest_or_all(cluster, settings.clusters)
        raise UsageError(f"{text}: there is no cluster {cluster}{known}")
    if not is_id(id_):
        raise UsageError(f"{text}: {shown(id_)} is not a repository id: {ID_RULE}")
    return RepositoryKey(cluster, id_)


def _read(
    args: argparse.Namespace, environ: Mapping[str, str], settings: Settings, key: RepositoryKey
) -> tuple[Schedule, Record | None, Collection[str]]:
    """Read people's decisions, the record and the ids last listed, if a ledger can be read."""
    url = places.find_ledger(args, environ, settings)
    try:
        with open_ledger(url, Access.READ) as ledger:
            known = (record for record in ledger.records() if record.key == key)
            listing = ledger.listings().get(key.cluster, Listing())
            return schedule.wanted(settings, ledger, environ), next(known, None), listing.ids
    except LedgerError as exc:
        schedule.warn_without(exc)
    return schedule.build_schedule(settings, ()), None, ()


def _explain(
    key: RepositoryKey, planned: Schedule, at: datetime, in_file: Container[str]
) -> Iterator[str]:
    zone = planned.zone
    timeline = planned.timeline
    wanted = timeline.desired(key.cluster, [key.id], at).get(key.id)
    when = format_local(at.astimezone(zone))
    # Of its own windows: others on its cluster may open every minute.
    own = [window for window in timeline.windows.values() if _matches(window, key)]
    reach = _reach(own)
    change = _next_change(Timeline(own, timeline.merge_gap), key, at, wanted, at + reach)
    local = format_local(change.astimezone(zone)) if change else ""
    if wanted is None:
        yield f"{key} should not be paused at {when}: no window wants it."
    else:
        why = "stay paused over a short gap" if wanted.bridged else "be paused"
        until = f"until {local}" if change else f"for more than {reach.days} days"
        yield f"{key} should {why} at {when}, by {enumerated(wanted.windows)}, {until}."
    if change:
        what = "resumed" if wanted else "paused"
        yield f"The next change: it is {what} {local}, in {span(change - at)}."
    yield ""
    for window in timeline.windows.values():
        is_over = window.name not in in_file and next(ahead(window, at), None) is None
        if not is_over:
            yield f"{window.name}: {_reason(window, key, at, planned)}"


def _reach(own: Iterable[Window]) -> timedelta:
    """Return how far what is open without a break is followed, by how often windows open."""
    a_day = sum(most_a_day(window.rule) for window in own)
    days = timedelta(days=_MOST_FOLLOWED // max(a_day, 1))
    return min(max(days, _LEAST_FOLLOWED), LOOK_AHEAD)


def _next_change(
    own: Timeline, key: RepositoryKey, at: datetime, wanted: Desired | None, last: datetime
) -> datetime | None:
    """Return when the repository is next paused, or resumed up to *last*."""
    if wanted is None:
        return own.next_change(at)
    end = at
    while wanted is not None and end <= last:
        end = wanted.until
        wanted = own.desired(key.cluster, [key.id], end).get(key.id)
    return end if wanted is None else None


def _matches(window: Window, key: RepositoryKey) -> bool:
    return any(each.matches(key.id) for each in window.patterns_for(key.cluster))


def _reason(window: Window, key: RepositoryKey, at: datetime, planned: Schedule) -> str:
    patterns = window.patterns_for(key.cluster)
    if not patterns:
        return f"is not for {key.cluster}"
    if not _matches(window, key):
        every = ", ".join(pattern for each in patterns for pattern in each.patterns)
        return f"does not match {key.id} (it is for {every})"
    near = window.openings(at, at + window.pause_before + _MOMENT)
    for opening in near:
        if opening.start <= at:
            return f"matches, and is open until {format_local(opening.local_end)}{_marks(opening)}"
        if opening.pause_from <= at:
            return f"matches, and pauses ahead of {format_local(opening.local_start)}"
    if not window.enabled:
        return "matches, but is not enabled"
    return f"matches, but {_closed(window, at, planned)}"


def _closed(window: Window, at: datetime, planned: Schedule) -> str:
    """Return why a window that matches is closed: its times, or what cancels the opening."""
    taken = _taken_away(window, at, planned)
    coming = next((opening for opening in ahead(window, at) if opening.start > at), None)
    then = f"does not open again within {LOOK_AHEAD.days} days"
    if coming:
        then = f"opens next {format_local(coming.local_start)}"
    until = coming.start if coming else at + LOOK_AHEAD
    said = [
        f"not {format_local(each.opening.local_start)}, {words(each)}"
        for each in planned.cancelled([window], at, until)
        if at < each.opening.start < until
    ]
    if said:
        then += f", and {enumerated(said)}"
    return f"{taken}; it {then}" if taken else f"is closed; it {then}"


def _taken_away(window: Window, at: datetime, planned: Schedule) -> str:
    bare = replace(
        window, excluded=(), valid_from=None, valid_until=None, skipped=frozenset(), moved=()
    )
    for opening in bare.openings(at, at + _MOMENT):
        if opening.start in window.skipped:
            decision = planned.skip_of(opening)
            return f"this opening was {words(Skipped(opening, decision))}" if decision else ""
        if opening.start in dict(window.moved):
            return "a person ended this opening"
        if any(opening.day in days for days in window.excluded):
            return f"{opening.day} is excluded"
        return f"{opening.day} is outside valid_from and valid_until"
    return ""


def _marks(opening: Opening) -> str:
    return f" ({opening.dst} by a clock change)" if opening.dst else ""


def _ledger_lines(record: Record, planned: Schedule, now: datetime) -> Iterator[str]:
    """Yield what the ledger knows about it: that it is held, or that a person resumed it."""
    key = record.key
    if record.is_hold:
        since = f" for {span(now - record.since)}" if record.since else ""
        trouble = f", last error {record.last_error}" if record.last_error else ""
        yield f"The ledger: {record.phase}{since} by {enumerated(record.windows)}{trouble}."
    wanted = planned.timeline.desired(key.cluster, [key.id], now).get(key.id)
    if record.is_hold and not wanted:
        yield "It is late: the daemon tries to resume it until that works; see cbmaintd status."
    if wanted and set(wanted.ids) <= set(record.yielded):
        until = format_local(wanted.until.astimezone(planned.zone))
        yield (
            f"But somebody resumed it meanwhile: it is left alone until {until}, unless on_drift"
            " is enforce."
        )
