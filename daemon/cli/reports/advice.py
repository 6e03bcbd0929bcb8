"""What is probably wrong in a valid file: windows that never open, never close, or cost too much.

`advise` looks at the windows of the next month, and of the next year where that is cheap; it asks
no cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, pairwise

from daemon.cli.reports.findings import Advice
from daemon.cli.reports.times import format_local_with_offset, span
from daemon.service.cluster import ClusterSettings, RetryPolicy
from daemon.windows.clock_changes import changes_between
from daemon.windows.cron_faults import uneven_steps
from daemon.windows.expressions import means_either_day
from daemon.windows.rules import Cron, Monthly, WeekdayEnd, Weekly
from daemon.windows.timeline import LOOK_AHEAD, ahead
from daemon.windows.window import Opening, Patterns, Window
from daemon.wording import listed

MONTH = timedelta(days=32)
"""How far ahead to check that enough time is left for backups."""

LEAST_FREE = 0.25
"""The least share of a month in which a repository should not be paused."""

THIRTEEN_MONTHS = timedelta(days=396)
"""How far ahead to look for clock changes."""

MOST_CHANGES = 4
"""How many openings at clock changes are reported for each window: usually those of two years."""

_DAY = timedelta(days=1)

Pauses = Mapping[str, list[Opening]]
"""The openings of a month, by window."""


def advise(
    windows: Iterable[Window],
    clusters: Mapping[str, ClusterSettings],
    now: datetime,
    max_pause: timedelta = timedelta.max,
    merge_gap: timedelta = timedelta(0),
) -> Iterator[Advice]:
    """Yield what deserves a second look from *now* (aware) on; disabled windows are left out."""
    enabled = [window for window in windows if window.enabled]
    month = {window.name: window.openings(now, now + MONTH) for window in enabled}
    endless = {window.name for window in enabled if _is_endless(month[window.name], now)}
    for window in enabled:
        first = next(ahead(window, now), None)
        if first is None:
            yield _silent(window, now)
            continue
        if window.name in endless:
            yield Advice.about(
                window.name,
                f"is open without a break for the next {MONTH.days} days:"
                " its repositories are not backed up at all",
            )
        else:
            yield from _overlapping(window, month[window.name])
            longest = _longest_pause([first, *month[window.name]], merge_gap)
            yield from _too_long(window, longest, max_pause)
        yield from _either_day(window)
        yield from _uneven(window)
        yield from _a_week_later(window, month[window.name])
        yield from _too_short(window, first, clusters)
        yield from _at_clock_changes(window, now)
    yield from _twins(enabled, month)
    yield from _crowded([window for window in enabled if window.name not in endless], month, now)


def _silent(window: Window, now: datetime) -> Advice:
    if next(ahead(replace(window, excluded=()), now), None):
        return Advice.about(
            window.name,
            f"every opening of the next {LOOK_AHEAD.days} days is excluded; look at its exclude",
        )
    return Advice.about(
        window.name,
        f"does not open within {LOOK_AHEAD.days} days; if it is over, remove it"
        " or write enabled: false",
    )


def _either_day(window: Window) -> Iterator[Advice]:
    if isinstance(window.rule, Cron) and means_either_day(window.rule.expression):
        yield Advice.about(
            window.name,
            "opens on each day of the month in its cron expression and also on each"
            " weekday in it, as crontab(5) says; for the first Saturday write monthly:"
            " {on: [first saturday]}, or sat#1 as the weekday alone",
        )


def _uneven(window: Window) -> Iterator[Advice]:
    if isinstance(window.rule, Cron):
        for step in uneven_steps(window.rule.expression):
            yield Advice.about(
                window.name,
                f"{step} of its cron expression does not divide evenly: it starts"
                " over at 0, so the last interval is different",
            )


def _overlapping(window: Window, month: list[Opening]) -> Iterator[Advice]:
    """Warn of an opening that begins while the one before it lasts."""
    if any(after.start < before.end for before, after in pairwise(month)):
        yield Advice.about(
            window.name,
            "opens again before it has closed; such openings are one pause, from"
            " the first start to the last end",
        )


def _a_week_later(window: Window, openings: Iterable[Opening]) -> Iterator[Advice]:
    """Warn of an end on the weekday of the start, where the same day may be meant."""
    end = window.rule.end if isinstance(window.rule, Weekly | Monthly) else None
    if not isinstance(end, WeekdayEnd):
        return
    for opening in openings:
        if opening.end - opening.start > 7 * _DAY and opening.day.weekday() == end.weekday:
            yield Advice.about(
                window.name,
                f"opens on {opening.day:%A %Y-%m-%d} and closes on the"
                f" {opening.day:%A} after it, a week later; for the same day write another window,"
                " with a time alone as its end",
            )
            return


def _longest_pause(openings: Iterable[Opening], merge_gap: timedelta) -> timedelta:
    """Return how long the longest hold gets: one goes on where openings touch."""
    begin, *others = sorted(openings, key=lambda each: each.pause_from)
    since, end, longest = begin.pause_from, begin.end, begin.end - begin.pause_from
    for opening in others:
        if opening.pause_from > end and opening.pause_from - end >= merge_gap:
            since = opening.pause_from
        end = max(end, opening.end)
        longest = max(longest, end - since)
    return longest


def _too_long(window: Window, length: timedelta, max_pause: timedelta) -> Iterator[Advice]:
    """Warn of openings for which a hold gets older than is allowed."""
    if length > max_pause:
        yield Advice.about(
            window.name,
            f"pauses for {span(length)}, longer than max_pause ({span(max_pause)}):"
            " each time its holds are logged as errors and /healthz fails; raise max_pause",
        )


def _is_endless(month: list[Opening], now: datetime) -> bool:
    return sum(_lengths(month, now), timedelta(0)) >= MONTH


def _lengths(openings: Iterable[Opening], now: datetime) -> Iterator[timedelta]:
    """Yield the lengths of pauses within the month from *now* on, each instant counted once."""
    reached, end = now, now + MONTH
    for opening in sorted(openings, key=lambda each: each.pause_from):
        start, stop = max(opening.pause_from, reached), min(opening.end, end)
        if start < stop:
            yield stop - start
            reached = stop


def _too_short(
    window: Window, first: Opening, clusters: Mapping[str, ClusterSettings]
) -> Iterator[Advice]:
    """Warn of an opening that may be over before all attempts at a pause were made."""
    length = first.end - first.pause_from
    rounds = {
        name: _retry_round(clusters[name].retry, clusters[name].timeout.total)
        for name in dict(window.targets).keys() & clusters.keys()
    }
    slowest = max(sorted(rounds), key=lambda name: rounds[name], default=None)
    if slowest and length < window.pause_before + rounds[slowest]:
        yield Advice.about(
            window.name,
            f"is over {span(length)} after the pause begins; a pause that times out"
            f" on {slowest} may not be through its attempts by then (retry, timeout.total)",
        )


@cache
def _retry_round(retry: RetryPolicy, call: timedelta) -> timedelta:
    """Return how long the attempts of one call take at most, with the waits between them."""
    wait, total = retry.first_delay, timedelta(0)
    for _ in range(retry.attempts - 1):
        total += min(wait, retry.max_delay)
        wait = min(wait * 2, retry.max_delay)
    return total + retry.attempts * call


def _at_clock_changes(window: Window, now: datetime) -> Iterator[Advice]:
    changes = changes_between(window.zone, now - _DAY, now + THIRTEEN_MONTHS)
    near = (o for each in changes for o in window.openings(each.at - _DAY, each.at + _DAY))
    adjusted = {opening.start: opening for opening in near if opening.dst and opening.end > now}
    for opening in islice(adjusted.values(), MOST_CHANGES):
        yield Advice.about(
            window.name,
            f"is {opening.dst} by a clock change: opens"
            f" {format_local_with_offset(opening.local_start)},"
            f" closes {format_local_with_offset(opening.local_end)}",
        )


def _twins(windows: Iterable[Window], month: Pauses) -> Iterator[Advice]:
    """Report windows that are open at the same times for the same repositories."""
    alike: dict[object, list[str]] = {}
    for window in windows:
        if times := tuple((opening.start, opening.end) for opening in month[window.name]):
            alike.setdefault((times, window.targets), []).append(window.name)
    for first, *others in alike.values():
        if others:
            yield Advice.about(
                first,
                "opens at the same times and for the same repositories as"
                f" {listed(others, 'and')}; one of them is enough",
            )


def _crowded(windows: Iterable[Window], month: Pauses, now: datetime) -> Iterator[Advice]:
    """Report patterns for which windows together leave too little time for backups."""
    told: set[tuple[str, tuple[str, ...]]] = set()

    @cache  # for thousands of clusters it is the same
    def share(names: tuple[str, ...]) -> float:
        paused = (opening for name in names for opening in month[name])
        return sum(_lengths(paused, now), timedelta(0)) / MONTH

    for cluster, named in sorted(_by_cluster(windows).items()):
        for pattern in dict.fromkeys(p for _, each in named for p in each.patterns):
            names = tuple(dict.fromkeys(w for w, each in named if _covers(each, pattern)))
            if pattern.startswith("!") or (cluster, names) in told:
                continue
            paused = share(names)
            if 1 - paused < LEAST_FREE:
                told.add((cluster, names))
                others = f", together with {listed(names[1:], 'and')}" if names[1:] else ""
                share_shown = f"{paused:.0%} of the next {MONTH.days} days"
                message = f"pauses {cluster}/{pattern} for {share_shown}{others}"
                yield Advice.about(names[0], message)


def _by_cluster(windows: Iterable[Window]) -> dict[str, list[tuple[str, Patterns]]]:
    found: dict[str, list[tuple[str, Patterns]]] = {}
    for window in windows:
        for cluster, patterns in window.targets:
            found.setdefault(cluster, []).append((window.name, patterns))
    return found


def _covers(patterns: Patterns, pattern: str) -> bool:
    """Check whether *patterns* are sure to match all that *pattern* matches."""
    return pattern in patterns.patterns or patterns.matches(pattern)
