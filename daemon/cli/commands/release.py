"""`cbmaintd release`: resume what the ledger says we hold, now, without a daemon."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from daemon.cli import output, places, schedule
from daemon.cli.reports.tables import Row, console, show_rows, styled
from daemon.cli.reports.times import format_local
from daemon.cli.repository_names import parse_repository_name
from daemon.config import stored_configs
from daemon.config.addresses import check_brackets
from daemon.config.settings import Settings
from daemon.core.attempt import Attempt
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError, UsageError
from daemon.host.clock import SystemClock
from daemon.ledger.ledger import Ledger
from daemon.ledger.opening import open_without_daemons
from daemon.ledger.thread import LaneStore, LedgerThread, writer_of
from daemon.passes.dispatch import Clocks
from daemon.passes.recorders import Fate
from daemon.passes.rescue import GIVE_UP_AFTER, Rescue, Result, carry_out
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Desired, Timeline
from daemon.wording import enumerated, shown

MOST_NAMED = 10
CLAIM_FOR = GIVE_UP_AFTER + timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Which repositories are meant: shell globs over the cluster's name and the id."""

    text: str
    cluster: str
    repository: str

    def matches(self, record: Record) -> bool:
        """Check whether the repository of *record* is one of them."""
        key = record.key
        return fnmatchcase(key.cluster, self.cluster) and fnmatchcase(key.id, self.repository)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Resume everything held, or what was asked for; return 0 if none of it is held any more.

    Raises:
        UsageError: a pattern makes no sense, or matches nothing that is held.
        HostError: there is no ledger, it cannot be used, or a daemon holds it.

    """
    patterns = [_pattern(text) for text in args.repository or ()]
    found = schedule.read_settings(args, environ)
    url = places.find_ledger(args, environ, found)
    with open_without_daemons(url, CLAIM_FOR) as ledger:
        all_records = ledger.records()
        records = _selected(all_records, patterns)
        left = {r.key for r in all_records if r.backup_due} - {r.key for r in records}
        if not records:
            output.say("Nothing is held.")
            _print_owed(left)
            return 0
        ended = _release(records, ledger, found, environ)
        _print_owed(ended.owed | left)
        with suppress(LedgerError):
            # Only a hint: failing to print it must not look as if nothing had been resumed.
            _print_again(ended, schedule.wanted(found, ledger, environ).timeline)
        return _judge(ended, environ)


def _pattern(text: str) -> _Pattern:
    form = "CLUSTER/PATTERN, such as prod/orders, 'prod/*' or '*/orders'"
    try:
        check_brackets(text)
    except ValueError as exc:
        raise UsageError(f"--repository {exc}") from exc
    return _Pattern(text, *parse_repository_name(text, f"--repository {shown(text)}", form))


def _selected(records: Iterable[Record], patterns: Sequence[_Pattern]) -> list[Record]:
    """Return the holds that are meant, and records that may still turn into one.

    A lost pause may take effect, and a repository that has vanished may be there again.
    """
    concerned = [r for r in records if r.is_hold or r.suspect_pause or r.is_gone]
    held = [str(record.key) for record in concerned if record.is_hold]
    for pattern in patterns if held else ():
        if not any(map(pattern.matches, concerned)):
            raise UsageError(
                f"--repository {shown(pattern.text)}: matches nothing that is held;"
                f" held: {_listed(held)}"
            )
    if not patterns:
        return concerned
    return [record for record in concerned if any(p.matches(record) for p in patterns)]


def _listed(names: Iterable[object]) -> str:
    return enumerated(map(str, names), MOST_NAMED)


@dataclass(frozen=True, slots=True)
class _Ended:
    """What became of everything that was to be resumed, and which backups are `owed`."""

    now: datetime
    results: list[Result]
    suspected: dict[RepositoryKey, datetime]
    owed: set[RepositoryKey]
    unrecorded: str | None
    lacks_secrets: bool

    @property
    def failed(self) -> list[Result]:
        """Those that are still held."""
        return [result for result in self.results if result.fate is Fate.FAILED]


def _release(
    records: Sequence[Record],
    ledger: Ledger,
    found: Settings | Path | None,
    environ: Mapping[str, str],
) -> _Ended:
    clusters = _clusters({record.key.cluster for record in records}, ledger, found, environ)
    rescues: list[Rescue] = []
    clock_ = SystemClock()
    try:
        doing = styled(f"resuming on {enumerated(clusters)}")
        with console(stderr=True).status(doing):
            asyncio.run(_rescue(clusters, records, ledger, environ, rescues))
    finally:
        # Also after an interrupt: what was resumed until then is good to know.
        ended = _ended(records, clusters, rescues, clock_())
        _print(ended)
    return ended


async def _rescue(
    clusters: Mapping[str, ClusterSettings],
    records: Sequence[Record],
    ledger: Ledger,
    environ: Mapping[str, str],
    rescues: list[Rescue],
) -> None:
    """Resume what is held on all clusters at once; *rescues* is filled for whoever interrupts."""
    stopping, clock_ = asyncio.Event(), SystemClock()

    async def wait(delay: timedelta) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(delay.total_seconds()):
                await stopping.wait()
        return not stopping.is_set()

    def connect(cluster: ClusterSettings, remember: Callable[[Attempt], None]) -> BackupService:
        return BackupService(cluster, environ=environ, on_attempt=remember, now=clock_.wall)

    clocks = Clocks(clock_, wait, lambda: not stopping.is_set())
    thread = LedgerThread(writer_of(ledger), ledger.place)
    for name, cluster in clusters.items():
        mine = [record for record in records if record.key.cluster == name]
        rescues.append(Rescue(cluster, mine, LaneStore(thread), connect, clocks))
    await carry_out(rescues, stopping.set)


def _clusters(
    names: set[str], ledger: Ledger, found: Settings | Path | None, environ: Mapping[str, str]
) -> dict[str, ClusterSettings]:
    """Return how to reach the clusters: by the file, else by the last one that named them."""
    named = found.clusters if isinstance(found, Settings) else {}
    clusters = {name: named[name] for name in sorted(names & named.keys())}
    return clusters | stored_configs.clusters(names - clusters.keys(), ledger.configs(), environ)


def _ended(
    records: Sequence[Record],
    clusters: Mapping[str, ClusterSettings],
    rescues: Sequence[Rescue],
    now: Moment,
) -> _Ended:
    results = [_unknown(record) for record in records if record.key.cluster not in clusters]
    suspected: dict[RepositoryKey, datetime] = {}
    owed = {r.key for r in records if r.backup_due and r.key.cluster not in clusters}
    for rescue in rescues:
        results += rescue.results()
        owed.update(rescue.owed())
        suspected |= rescue.suspected(now)
    unrecorded = next((rescue.ledger_error for rescue in rescues if rescue.ledger_error), None)
    files = [cluster.password_file for cluster in clusters.values() if cluster.password_file]
    return _Ended(
        now=now.wall,
        results=sorted(results, key=lambda result: result.key),
        suspected=suspected,
        owed=owed,
        unrecorded=unrecorded,
        lacks_secrets=not all(file.exists() for file in files),
    )


def _unknown(record: Record) -> Result:
    advice = f"nothing says how to reach {record.key.cluster}: name a file that does, with -c"
    return Result(record.key, Fate.FAILED, advice)


def _print(ended: _Ended) -> None:
    if ended.results:
        show_rows(("REPOSITORY", "RESULT"), map(_row, ended.results))
    else:
        output.say("Nothing is held.")
    if ended.suspected:
        until = max(ended.suspected.values()).astimezone()
        names = _listed(ended.suspected)
        _note(
            f"A lost call may still pause {names} until {until:%H:%M:%S %Z};"
            " run cbmaintd release again after that."
        )


def _print_owed(owed: set[RepositoryKey]) -> None:
    """Print which backups nobody has started: a resume alone makes none."""
    if owed:
        _note(
            f"Backups still to be started: {len(owed)} ({_listed(sorted(owed))})."
            " The next daemon on this ledger starts them; without one start them by hand."
        )


def _note(text: str) -> None:
    out = console()
    out.print()
    out.print(styled(text))


def _row(result: Result) -> Row:
    has_failed = result.fate is Fate.FAILED
    separator = ": " if has_failed else ", "
    text = separator.join(filter(None, (result.fate, result.detail)))
    return Row((str(result.key), text), style="bold red" if has_failed else "")


def _print_again(ended: _Ended, timeline: Timeline) -> None:
    """Print which windows are open for what was released: a daemon would pause it again."""
    released = [r.key for r in ended.results if r.fate in {Fate.RESUMED, Fate.ACTIVE}]
    again: dict[RepositoryKey, Desired] = {}
    for cluster in {key.cluster for key in released}:
        ids = [key.id for key in released if key.cluster == cluster]
        for id_, desired in timeline.desired(cluster, ids, ended.now).items():
            if not desired.bridged:
                again[RepositoryKey(cluster, id_)] = desired
    if again:
        windows = sorted({name for desired in again.values() for name in desired.windows})
        until = max(desired.until for desired in again.values()).astimezone()
        _note(
            f"Open now: {_listed(windows)}. A daemon that starts before {format_local(until)}"
            f" pauses {_listed(sorted(again))} again."
        )


def _judge(ended: _Ended, environ: Mapping[str, str]) -> int:
    failed = ended.failed
    advice = "fix what is said above and run this again, or start the daemon"
    if ended.lacks_secrets and not environ.get("CREDENTIALS_DIRECTORY"):
        # systemd passes them to the daemon; here the user has to say where they are.
        advice = "set CREDENTIALS_DIRECTORY to the folder of the unit's secrets and run this again"
    if failed:
        clusters = enumerated(sorted({result.key.cluster for result in failed}))
        output.warn(
            f"cbmaintd: {len(failed)} of {len(ended.results)} could not be released, on {clusters};"
            f" {advice}"
        )
        return 1
    if ended.unrecorded:
        output.warn(
            "cbmaintd: everything is resumed, but the ledger could not record it:"
            f" {ended.unrecorded}"
        )
        return 1
    return 0
