"""Turn schedules.yaml into `Settings`, or report everything that is wrong with it at once.

There are three stages: a *document* is a tree with line numbers, a *section* is a part of it with
parsed fields, *settings* are what the rest of the program uses without checking again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.config import tree
from daemon.config.advice.older_yaml import undone
from daemon.config.clusters import SecretSources, cluster_settings
from daemon.config.days.attachments import Attachments
from daemon.config.days.exclusions import Exclusions
from daemon.config.document import read
from daemon.config.faults import Faults, Place, checked
from daemon.config.fields import SHORTEST_LEASE
from daemon.config.notify import Targets
from daemon.config.sections import ClusterSection, FileSection
from daemon.config.windows import References, window
from daemon.core.shares import shortest_lease
from daemon.durations import format_duration
from daemon.errors import ConfigError, Fault
from daemon.host.loopback import is_loopback
from daemon.ledger.state import AppliedConfig, digest_of
from daemon.notify.targets import Target
from daemon.service.cluster import ClusterSettings
from daemon.windows.bounds import MOST_TOGETHER, looked_at
from daemon.windows.window import Window

RESYNC = timedelta(seconds=30)
MAX_PAUSE = timedelta(hours=36)
KEEP_HISTORY = timedelta(days=400)
MOST_PAIRS = 1_000_000
"""How many clusters the windows of a file may be for, counted for each window."""

_LEASE = timedelta(minutes=3)
_SINGLE = (
    *("keep_history", "lease", "ledger", "listen", "max_pause", "merge_gap", "resync", "timezone"),
)
"""The keys of the top level that have one value, by default or from the file."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A valid schedules.yaml: `path` as the user gave it, `text` as read.

    `attached` has the texts of the calendar files that it names, which are in `folder`; `digest` is
    the SHA-256 of all of it, by which daemons on one ledger agree. `places` are the lines and
    columns of windows and clusters, by their paths.
    """

    path: str
    folder: Path
    text: bytes
    digest: str
    timezone: ZoneInfo
    ledger: str | None
    listen: tuple[str, int] | None
    resync: timedelta
    merge_gap: timedelta
    max_pause: timedelta
    keep_history: timedelta
    lease: timedelta
    clusters: Mapping[str, ClusterSettings]
    windows: Mapping[str, Window]
    notify: tuple[Target, ...]
    attached: Mapping[str, str]
    places: Mapping[str, tuple[int, int]]
    warnings: tuple[Fault, ...]

    def applied(self, now: datetime) -> AppliedConfig:
        """Return what the ledger keeps of it, in force since *now*."""
        return AppliedConfig(self.path, self.folder, self.text, now, self.attached)


def parse(
    text: bytes,
    path: str,
    *,
    environ: Mapping[str, str],
    attachments: Attachments,
    check_secrets: bool = True,
) -> Settings:
    """Return the settings of a file's text; *attachments* collects the files that it names.

    Without *check_secrets*, password and key files need not exist. *path* is for messages. How
    long it takes is up to whoever wrote the text: `reading` has a process do it.

    Raises:
        ConfigError: the text is invalid, or reading it fails in whatever way; carries the faults.

    """
    try:
        return _parsed(text, path, environ, attachments, must_exist=check_secrets)
    except ConfigError:
        raise
    except Exception as exc:
        # The last edge of what anybody may write. The error is not quoted: it may carry what stands
        # in a secret file or a calendar.
        message = f"reading it fails by a bug of ours ({type(exc).__name__}): please report it"
        if isinstance(exc, MemoryError):
            message = "reading it takes more memory than there is: make it smaller"
        raise ConfigError(path, (Fault(1, 1, "", message),)) from exc


def _parsed(
    text: bytes,
    path: str,
    environ: Mapping[str, str],
    attachments: Attachments,
    *,
    must_exist: bool,
) -> Settings:
    document = undone(read(text))
    faults = Faults(document.faults)
    settings = None
    if document.root is not None:
        sources = SecretSources(attachments.folder, environ, must_exist)
        exclusions = Exclusions(attachments, faults)
        reading = _Reading(Place(document.root), sources, exclusions, faults)
        settings = reading.settings(text, path)
    if settings is None or faults.in_order():
        raise ConfigError(path, faults.in_order())
    return settings


class _Reading:
    """Turns the tree of one file into settings."""

    def __init__(
        self, root: Place, sources: SecretSources, exclusions: Exclusions, faults: Faults
    ) -> None:
        self._root = root
        self._sources = sources
        self._exclusions = exclusions
        self._faults = faults

    def settings(self, text: bytes, path: str) -> Settings | None:
        """Return the settings, which must not be used if there are faults."""
        if not isinstance(self._root.node, tree.MappingNode):
            self._faults.add(self._root, "the file must be a mapping with clusters and windows")
            return None
        section = checked(self._root, FileSection, self._faults)
        clusters, windows = self._clusters(section), self._windows(section)
        attached = self._exclusions.attachments.texts()
        targets = Targets(self._sources, self._faults)
        names = self._root.under("windows")
        notified = targets.read(self._root.at("notify"), section.notify or (), names)
        self._warn(section.listen)
        return Settings(
            path=path,
            folder=self._sources.folder,
            text=text,
            digest=digest_of(text, attached),
            timezone=section.timezone or ZoneInfo("UTC"),
            ledger=section.ledger,
            listen=section.listen,
            resync=section.resync or RESYNC,
            merge_gap=section.merge_gap or timedelta(0),
            max_pause=section.max_pause or MAX_PAUSE,
            keep_history=section.keep_history or KEEP_HISTORY,
            lease=self._lease(section, clusters.values()),
            clusters=clusters,
            windows=windows,
            notify=notified,
            attached=attached,
            places={
                f"{part}.{name}": _where(place)
                for part in ("windows", "clusters")
                for name, place in self._root.under(part).items()
            },
            warnings=self._faults.warnings,
        )

    def _warn(self, listen: tuple[str, int] | None) -> None:
        if listen and not is_loopback(listen[0]):
            self._faults.warn(
                self._root.at("listen"),
                f"{listen[0]} can be reached from other machines; the page, metrics and health"
                " are served without a password: 127.0.0.1 is for this machine alone",
            )

    def _lease(self, section: FileSection, clusters: Iterable[ClusterSettings]) -> timedelta:
        totals = {cluster.name: cluster.timeout.total for cluster in clusters}
        slowest = max(totals, key=lambda name: totals[name], default="")
        shortest = shortest_lease(totals[slowest]) if totals else _LEASE
        if section.lease and section.lease < shortest:
            self._faults.add(
                self._root.at("lease"),
                f"{format_duration(section.lease)} is too short for calls that may take"
                f" {format_duration(totals[slowest])} (clusters.{slowest}.timeout.total): at least"
                f" {format_duration(shortest)}, three times that",
            )
        return section.lease or max(shortest, SHORTEST_LEASE)

    def _clusters(self, section: FileSection) -> dict[str, ClusterSettings]:
        places = self._root.under("clusters")
        if section.clusters == {} and not places:
            message = "there is no cluster in it: name at least one"
            self._faults.add(self._root.at("clusters"), message)
        return {
            name: cluster_settings(places[name], cluster, self._sources, self._faults)
            for name, cluster in (section.clusters or {}).items()
        }

    def _windows(self, section: FileSection) -> dict[str, Window]:
        places, known = self._root.under("windows"), self._references(section)
        found = (
            window(places[name], inner, known, self._faults)
            for name, inner in (section.windows or {}).items()
        )
        windows = {each.name: each for each in found if each}
        self._check_sum(windows.values())
        return windows

    def _check_sum(self, windows: Collection[Window]) -> None:
        pairs = sum(len(each.targets) for each in windows)
        if pairs > MOST_PAIRS:
            self._faults.add_at_key(
                self._root.at("windows"),
                f"they are for {pairs:,} pairs of a window and a cluster altogether; at most"
                f" {MOST_PAIRS:,} are allowed",
            )
        together = sum(looked_at(each.rule, each.pause_before) for each in windows)
        if together > MOST_TOGETHER:
            self._faults.add_at_key(
                self._root.at("windows"),
                f"they open too often altogether: {together:,} openings would have to be looked at"
                f" together, at most {MOST_TOGETHER:,} are allowed",
            )

    def _references(self, section: FileSection) -> References:
        """Return what windows may refer to, including parts that have faults."""
        places, usable = self._root.under("clusters"), section.clusters or {}
        labels = {name: _labels(place, usable.get(name)) for name, place in places.items()}
        return References(
            clusters=labels,
            exclusions=self._exclusions.read(
                self._root.under("exclusions"), section.exclusions or {}
            ),
            zone=section.timezone or ZoneInfo("UTC"),
        )


def _where(place: Place) -> tuple[int, int]:
    node = place.key or place.node
    return node.line, node.column


def difference(before: Settings | None, after: Settings) -> dict[str, list[str]]:
    """Return the names of what is `added`, `removed` and `changed` in *after*."""
    old, new = _parts(before), _parts(after)
    changed = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    if before is not None:
        changed += [name for name in _SINGLE if getattr(before, name) != getattr(after, name)]
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(changed),
    }


def _parts(settings: Settings | None) -> dict[str, object]:
    if settings is None:
        return {}
    windows = {f"windows.{name}": window for name, window in settings.windows.items()}
    targets = {f"notify.{target.name}": target for target in settings.notify}
    clusters = {f"clusters.{name}": cluster for name, cluster in settings.clusters.items()}
    return {**clusters, **windows, **targets}


def _labels(place: Place, section: ClusterSection | None) -> Mapping[str, str] | None:
    """Return a cluster's labels; None if some of them could not be parsed."""
    if section is None or (section.labels is None and place.has("labels")):
        return None
    labels = section.labels or {}
    return labels if len(labels) == len(place.under("labels")) else None
