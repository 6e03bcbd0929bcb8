"""What templates are told of a scene, in the words of `status`: verdicts, states, rows. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from daemon.core.attempt import Attempt
from daemon.core.progress import Progress
from daemon.core.record import Record
from daemon.ledger.state import DaemonState, Member, Reading
from daemon.monitoring.page.scene import ClusterScene, HistoryScene, Scene
from daemon.monitoring.page.strips import Kind, Mark, Strip
from daemon.monitoring.status import StatusReport, cancelled, effect, member_problems
from daemon.windows.overrides import Override
from daemon.windows.timeline import LOOK_AHEAD
from daemon.windows.window import Opening, Window
from daemon.wording import counted, enumerated

MOST_NOT_TAKEN = 3
"""How many skipped or excluded openings of a window are shown before its next one."""

MOST_BUSY = 3
"""How many repositories are named that still run tasks."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "may I start?"; `kind` is a class of the style sheet, `short` for the title."""

    kind: str
    sign: str
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class OpenView:
    """An opening that holds repositories, and how far it is; before its start it only pauses."""

    opening: Opening
    progress: Progress
    has_begun: bool


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster, its state in a word, what is held there, and the records of owed backups."""

    name: str
    kind: str
    sign: str
    state: str
    scene: ClusterScene
    holds: tuple[Record, ...]
    owed: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class MemberView:
    """A daemon on a shared ledger, and its state in words."""

    member: Member
    kind: str
    sign: str
    state: str


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A row of the history."""

    at: datetime
    action: str
    cluster: str
    repository: str
    windows: tuple[str, ...]
    kind: str
    result: str
    member: str = ""


def open_now(scene: Scene) -> list[OpenView]:
    """Return the openings that hold repositories, by their start."""
    holding: dict[str, Opening] = {o.id: o for o in scene.timeline.covering(scene.now)}
    for cluster in scene.clusters:
        holding |= {o.id: o for o in scene.timeline.holding(cluster.name, scene.now)}
    return [
        OpenView(opening, scene.progress.get(opening.id, Progress()), opening.start <= scene.now)
        for opening in sorted(holding.values(), key=lambda o: (o.start, o.window))
    ]


def verdict(scene: Scene, openings: Iterable[OpenView]) -> Verdict:
    """Return whether everything that is open is paused, which is whether one may start."""
    found = tuple(openings)
    begun = [each for each in found if each.has_begun]
    if not begun:
        return _verdict_before(scene, found)
    paused, wanted = _counts(scene, begun)
    is_complete = all(each.progress.is_complete for each in begun)
    if is_complete and not wanted:
        text = "Nothing is paused: what is open has no repositories."
        return Verdict("wait", "…", text, "nothing to pause")
    if is_complete and (busy := _busy(scene, begun)):
        where = enumerated(busy, MOST_BUSY)
        text = f"Everything is paused: {paused} of {wanted}."
        text = f"{text} Tasks still run on {where}: wait for them."
        return Verdict("wait", "…", text, f"{paused} of {wanted} paused, tasks run")
    if is_complete:
        text = f"Everything is paused: {paused} of {wanted}. You may start."
        return Verdict("ok", "✓", text, f"{paused} of {wanted} paused")
    silent = sorted({name for each in begun for name in each.progress.silent})
    more = f"; {_unanswering(silent)}" if silent else ""
    text = f"Not everything is paused: {paused} of {wanted}{more}. Do not start yet."
    doubts = {cluster.doubt for cluster in scene.clusters if cluster.doubt}
    if all(p.why in doubts for each in begun for p in each.progress.pending):
        why = enumerated(sorted(doubts))
        text = f"It is not known whether everything is paused: {why}. Do not start yet."
        return Verdict("wait", "…", text, "not known")
    return Verdict("wait", "…", text, f"{paused} of {wanted} paused")


def _busy(scene: Scene, begun: Iterable[OpenView]) -> list[str]:
    """Return what is held for openings and still runs tasks, which no pause ends."""
    ids = {each.opening.id for each in begun}
    records = (record for cluster in scene.clusters for record in cluster.records)
    return sorted(str(r.key) for r in records if r.running and not ids.isdisjoint(r.openings))


def _counts(scene: Scene, begun: Sequence[OpenView]) -> tuple[int, int]:
    """Return how many repositories are paused, and how many what is open wants, each once."""
    if len(begun) == 1:
        # As its own row says: of a cluster without a list nothing is counted there.
        return begun[0].progress.paused, begun[0].progress.wanted
    wanted = sum(cluster.wanted for cluster in scene.clusters)
    return wanted - sum(cluster.pending for cluster in scene.clusters), wanted


def _verdict_before(scene: Scene, early: Sequence[OpenView]) -> Verdict:
    """Return what there is to say while no window is open: *early* ones pause already."""
    if early:
        first = early[0]
        far = f"{first.progress.paused} of {first.progress.wanted} paused"
        text = f"No window is open. {first.opening.window} pauses early: {far}."
        return Verdict("wait", "…", text, f"{far} early")
    held = sum(len(each.holds) for each in clusters(scene))
    if held:
        what = counted(held, "repository is", "repositories are")
        text = f"No window is open. {what} still to be resumed."
        return Verdict("wait", "…", text, f"{held} to be resumed")
    return Verdict("quiet", "○", "No window is open. Nothing is held.", "no window is open")


def coming(
    strips: Mapping[str, Strip], upcoming: Mapping[str, Opening], now: datetime
) -> list[Mark]:
    """Return what opens next of each window, by start, and what does not take place before it.

    *upcoming* has those that are beyond what strips show.
    """
    found: list[Mark] = []
    for name, strip in strips.items():
        ahead = [mark for mark in strip.marks if mark.opening.start > now]
        opens = next((at for at, mark in enumerate(ahead) if mark.kind is Kind.OPEN), None)
        found += ahead[: MOST_NOT_TAKEN if opens is None else min(opens, MOST_NOT_TAKEN)]
        if opens is not None:
            found.append(ahead[opens])
        elif name in upcoming:
            found.append(Mark(Kind.OPEN, 0.0, 0.0, upcoming[name], upcoming[name].dst))
    return sorted(found, key=lambda mark: (mark.opening.start, mark.opening.window))


def excluded_days(window: Window, now: datetime) -> list[tuple[date, date]]:
    """Return the days on which a window does not open, from today on: first and last of each."""
    today = now.astimezone(window.zone).date()
    found = (r for each in window.excluded for r in each.meeting(today, date.max))
    return sorted({(each.first, each.last) for each in found})


def _unanswering(names: Sequence[str]) -> str:
    return f"{enumerated(names)} {'does' if len(names) == 1 else 'do'} not answer"


def clusters(scene: Scene) -> list[ClusterView]:
    """Return the clusters by name, those that do not answer first, then those of doubt."""
    found = [_cluster(each) for each in scene.clusters]
    first = {"bad": 0, "wait": 1}
    return sorted(found, key=lambda each: (first.get(each.kind, 2), each.name))


def members(scene: Scene) -> list[MemberView]:
    """Return the daemons that share the ledger, those that need somebody first."""
    found = [_member(each) for each in (scene.ledger.members if scene.ledger else ())]
    return sorted(found, key=lambda each: each.kind == "ok")


def history(
    scene: Scene, *, window: str | None = None, cluster: str | None = None
) -> list[HistoryView]:
    """Return what was done last, the newest first; of one window or cluster, if given."""
    newest = sorted(scene.history, key=lambda e: e.at, reverse=True)
    rows = (_row(entry, scene.zone) for entry in newest)
    return [
        row
        for row in rows
        if (window is None or window in row.windows) and (cluster is None or cluster == row.cluster)
    ]


def status(scene: Scene, upcoming: Mapping[str, Opening]) -> StatusReport:
    """Return how things stand as `status` reports it, with what opens next of each window."""
    records = sorted((r for each in scene.clusters for r in each.records), key=lambda r: r.key)
    windows = scene.timeline.windows.values()
    skipped = cancelled(windows, scene.skips, scene.now, scene.now + LOOK_AHEAD)
    reading = Reading(faults=scene.faults)
    return StatusReport(
        now=scene.now,
        daemon=DaemonState(True, os.getpid(), scene.host, scene.since, reading),
        unreachable=[each.unreachable for each in scene.clusters if each.unreachable],
        unplanned={},
        open_now=list(scene.timeline.covering(scene.now)),
        upcoming=sorted(upcoming.values(), key=lambda opening: (opening.start, opening.window)),
        holds=[record for record in records if record.is_hold],
        members=list(scene.ledger.members) if scene.ledger and scene.ledger.read else None,
        progress=scene.progress,
        owed=tuple(record for record in records if record.backup_due),
        skipped=skipped,
    )


def _cluster(scene: ClusterScene) -> ClusterView:
    holds = sorted((r for r in scene.records if r.is_hold), key=lambda r: r.key)
    owed = sorted((r for r in scene.records if r.backup_due), key=lambda r: r.key)
    if scene.unreachable:
        error = scene.unreachable
        kind, sign = "bad", "✗"
        state = f"does not answer ({error.error}): {error.message}"
    elif scene.doubt:
        kind, sign, state = "wait", "…", f"not known: {scene.doubt}"
    elif scene.is_up:
        kind, sign, state = "ok", "✓", "answers"
    else:
        kind, sign, state = "quiet", "○", "not asked yet"
    return ClusterView(scene.name, kind, sign, state, scene, tuple(holds), tuple(owed))


def _member(member: Member) -> MemberView:
    problems = ", ".join(member_problems(member))
    return MemberView(member, *(("bad", "✗", problems) if problems else ("ok", "✓", "live")))


def _effect(decision: Override, at: datetime) -> str:
    def time(instant: datetime) -> str:
        local = instant.astimezone(at.tzinfo)
        return f"{local:%H:%M}" if local.date() == at.date() else f"{local:%a %-d %b %H:%M}"

    said = effect(decision, time)
    return f"{said}, " if said else ""


def _row(entry: HistoryScene, zone: tzinfo) -> HistoryView:
    match entry.what:
        case Attempt() as attempt:
            result = str(attempt.error or attempt.outcome)
            if attempt.error and attempt.message:
                result = f"{result}: {attempt.message}"
            return HistoryView(
                entry.at,
                attempt.action,
                attempt.cluster,
                attempt.repository or "",
                attempt.windows,
                "bad" if attempt.error else "ok",
                result,
                entry.member,
            )
        case Override() as decision:
            by = f"by {decision.by}{f': {decision.reason}' if decision.reason else ''}"
            result = f"{_effect(decision, entry.at.astimezone(zone))}{by}"
            return HistoryView(entry.at, decision.kind, "", "", (decision.window,), "", result)
