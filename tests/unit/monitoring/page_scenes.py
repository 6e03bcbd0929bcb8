"""Scenes for the page: quiet, busy, large, and full of texts that want to be more than text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.listing import Listing
from daemon.core.progress import ClusterView, progress
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.unreachable import Unreachable
from daemon.ledger.state import Member, Reading
from daemon.monitoring.page.scene import ClusterScene, HistoryScene, LedgerScene, Scene
from daemon.windows.dates import DateRange
from daemon.windows.overrides import Override, OverrideKind, skips
from daemon.windows.rules import Weekly
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 20, 21, 30, tzinfo=UTC)
"""Within the two weeks before clocks in Berlin go back; half past eleven there."""

EVIL = '<img src=x onerror="document.title=1">&amp;\u202e\x1b[31m\u2028"\'{{7*7}}'
"""What is no name of ours, but may come from a server, a person or a file."""


def window(name: str, **keys: object) -> Window:
    """Return a window that opens each night at eleven for two hours."""
    given = {
        "rule": Weekly(frozenset(range(7)), time(23), duration=timedelta(hours=2)),
        "zone": BERLIN,
        "targets": (("prod", Patterns(("*",))), ("dr", Patterns(("*",)))),
        **keys,
    }
    return Window(name, **given)  # type: ignore[arg-type]  # tests may name any field


def scene(**keys: object) -> Scene:
    """Return a quiet scene: one window, which is closed, and one cluster, which answers."""
    given = {
        "now": NOW - timedelta(hours=12),
        "zone": BERLIN,
        "path": "/etc/cbmaintd/schedules.yaml",
        "version": "1.0",
        "host": "ops1",
        "since": NOW - timedelta(days=3),
        "timeline": Timeline((window("nightly"),)),
        "progress": {},
        "skips": {},
        "clusters": (ClusterScene("prod", True, None, NOW, None, ()),),
        **keys,
    }
    return Scene(**given)  # type: ignore[arg-type]  # tests may name any field


def busy() -> Scene:
    """Return a night in which a cluster is down, and much has been decided and done."""
    start = datetime(2026, 10, 21, 21, tzinfo=UTC)
    skip = Override(OverrideKind.SKIP, "nightly", start, None, NOW, "eve@ops1", "no patches")
    nightly = window(
        "nightly",
        skipped=frozenset({start}),
        excluded=(DateRange(date(2026, 10, 27), date(2026, 10, 28)),),
        pause_before=timedelta(minutes=15),
        description="Patching of the hosts",
    )
    spring = window("long", rule=Weekly(frozenset({5}), time(20), duration=timedelta(hours=10)))
    timeline = Timeline((nightly, spring))
    error = Unreachable("dr", "refused", "Connection refused", NOW - timedelta(minutes=9))
    ids = [f"repository-{number}" for number in range(4)]
    opening = timeline.covering(NOW)[0].id
    records = {
        id_: Record(
            RepositoryKey("prod", id_),
            Phase.PAUSED,
            windows=("nightly",),
            openings=(opening,),
            since=NOW,
        )
        for id_ in ids[:3]
    }
    owed = Record(RepositoryKey("prod", "archive"), backup_due=NOW)
    listing = Listing(frozenset(ids), frozenset({opening}))
    found = (ClusterView("prod", listing, records), ClusterView("dr", None, {}, error))
    return scene(
        now=NOW,
        timeline=timeline,
        progress=progress(timeline, found, NOW),
        skips=skips([skip]),
        clusters=(
            ClusterScene(
                "prod", True, None, NOW, NOW + timedelta(days=9), (*records.values(), owed), 4, 1
            ),
            ClusterScene("dr", False, error, None, None, (), 1, 1),
        ),
        problems=("dr UNREACHABLE (refused)",),
        faults=("schedules.yaml:3:1: windows: unknown key",),
        ledger=LedgerScene((member(), member(host="ops2", pid=18, is_live=False)), NOW),
        history=(
            HistoryScene(NOW, skip),
            HistoryScene(NOW, attempt("prod", "repository-1", None)),
            HistoryScene(NOW, attempt("dr", "orders", CallError.REFUSED)),
        ),
    )


def pictured() -> Scene:
    """Return what the manual shows: half an hour into an opening, with a cluster down."""
    found = busy()
    sent = [
        replace(attempt("prod", f"repository-{n}", None), started=NOW - timedelta(minutes=30 - n))
        for n in range(3)
    ]
    (skip,) = (each for each in found.history if isinstance(each.what, Override))
    clusters = [replace(each, last_contact=NOW) for each in found.clusters if each.name == "prod"]
    return replace(
        found,
        clusters=(*clusters, *(each for each in found.clusters if each.name != "prod")),
        problems=(),
        faults=(),
        ledger=None,
        history=(
            replace(skip, at=NOW - timedelta(hours=5)),
            *(HistoryScene(each.started, each) for each in sent),
        ),
    )


def member(**keys: object) -> Member:
    """Return a daemon on a shared ledger, which is well."""
    given = {
        "id": "1",
        "host": "ops1",
        "pid": 17,
        "since": NOW - timedelta(days=3),
        "is_live": True,
        "age": timedelta(seconds=0.3),
        "lease": timedelta(seconds=15),
        "version": "1.0",
        "digest": "",
        "agrees": True,
        "skew": timedelta(0),
        "clusters": 2,
        "reading": Reading(),
        **keys,
    }
    return Member(**given)  # type: ignore[arg-type]  # tests may name any field


def attempt(cluster: str, repository: str, error: CallError | None) -> Attempt:
    """Return a request to pause a repository."""
    return Attempt(
        cluster,
        repository,
        Action.PAUSE,
        ("nightly",),
        "POST",
        "http://127.0.0.1/",
        1,
        200 if error is None else None,
        Outcome.OK if error is None else Outcome.FAILED,
        error,
        "Connection refused" if error else "",
        NOW,
        timedelta(milliseconds=3),
    )


def large() -> Scene:
    """Return ten clusters of a thousand repositories each, all held, and two hundred windows."""
    names = [f"cluster-{number:02}" for number in range(10)]
    targets = tuple((name, Patterns(("*",))) for name in names)
    timeline = Timeline(window(f"window-{n:03}", targets=targets) for n in range(200))
    openings = tuple(opening.id for opening in timeline.covering(NOW))
    views, clusters = [], []
    for name in names:
        records = {
            id_: Record(RepositoryKey(name, id_), Phase.PAUSED, openings=openings, since=NOW)
            for id_ in (f"{name}-repository-{number:04}" for number in range(1000))
        }
        listing = Listing(frozenset(records), frozenset(openings))
        views.append(ClusterView(name, listing, records))
        held = tuple(records.values())
        clusters.append(ClusterScene(name, True, None, NOW, None, held, len(held)))
    done = (HistoryScene(NOW, attempt(names[0], f"repository-{n}", None)) for n in range(50))
    return scene(
        now=NOW,
        timeline=timeline,
        progress=progress(timeline, views, NOW),
        clusters=tuple(clusters),
        history=tuple(done),
    )


def hostile() -> Scene:
    """Return a scene in which each text that is not ours tries to be more than text."""
    found = busy()
    error = Unreachable("dr", EVIL, EVIL, NOW)
    records = tuple(
        replace(record, key=RepositoryKey("prod", EVIL), last_error=EVIL)
        for record in found.clusters[0].records
    )
    skip = Override(OverrideKind.SKIP, "nightly", NOW, None, NOW, EVIL, EVIL)
    decided = {key: replace(each, by=EVIL, reason=EVIL) for key, each in found.skips.items()}
    done = replace(attempt("prod", EVIL, CallError.REFUSED), message=EVIL, windows=(EVIL,))
    windows = [replace(each, description=EVIL) for each in found.timeline.windows.values()]
    pending = {
        id_: replace(each, pending=tuple(replace(p, why=EVIL) for p in each.pending))
        for id_, each in found.progress.items()
    }
    return replace(
        found,
        path=EVIL,
        host=EVIL,
        timeline=Timeline([*windows, window(f"{EVIL} (unplanned)")]),
        progress=pending,
        skips=decided,
        clusters=(
            replace(found.clusters[0], records=records),
            replace(found.clusters[1], unreachable=error),
        ),
        problems=(EVIL,),
        faults=(EVIL,),
        ledger=LedgerScene((member(host=EVIL, version=EVIL),), NOW, EVIL),
        history=(HistoryScene(NOW, skip), HistoryScene(NOW, done, EVIL)),
    )
