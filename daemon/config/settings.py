"""Turn schedules.yaml into `Settings`, or report everything that is wrong with it at once.

There are three stages: a *document* is a tree with line numbers, a *section* is a part of it with
parsed fields, *settings* are what the rest of the program uses without checking again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.config import tree
from daemon.config.clusters import SecretSources, cluster_settings, warnings_of
from daemon.config.days.attachments import Attachments
from daemon.config.days.exclusions import Exclusions
from daemon.config.document import SIZE_LIMIT, read
from daemon.config.faults import Faults, Place, checked
from daemon.config.fields import SHORTEST_LEASE
from daemon.config.notify import Targets
from daemon.config.sections import ClusterSection, FileSection
from daemon.config.windows import References, window
from daemon.core.shares import shortest_lease
from daemon.durations import format_duration
from daemon.errors import ConfigError, Fault
from daemon.host.files import why_unreadable
from daemon.host.loopback import is_loopback
from daemon.ledger.state import AppliedConfig
from daemon.notify.targets import Target
from daemon.service.cluster import ClusterSettings
from daemon.windows.window import Window

RESYNC = timedelta(seconds=30)
MAX_PAUSE = timedelta(hours=36)
KEEP_HISTORY = timedelta(days=400)
_LEASE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Settings:
    """A valid schedules.yaml: `path` as the user gave it, `text` as read, `digest` its SHA-256.

    `attached` has the texts of the calendar files that it names, which are in `folder`.
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
    warnings: tuple[str, ...]

    def applied(self, now: datetime) -> AppliedConfig:
        """Return what the ledger keeps of it, in force since *now*."""
        return AppliedConfig(self.path, self.folder, self.text, now, self.attached)


def load(path: Path, *, environ: Mapping[str, str], check_secrets: bool = True) -> Settings:
    """Return the settings of the file at *path*; *check_secrets* as in `parse`.

    Raises:
        ConfigError: it cannot be read or is invalid; carries all faults.

    """
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to refuse a file that never ends.
            text = file.read(SIZE_LIMIT + 1)
    except OSError as exc:
        fault = Fault(1, 1, "", why_unreadable(exc))
        raise ConfigError(str(path), (fault,)) from exc
    files = Attachments(path.absolute().parent)
    return parse(text, str(path), environ=environ, attachments=files, check_secrets=check_secrets)


def parse(
    text: bytes,
    path: str,
    *,
    environ: Mapping[str, str],
    attachments: Attachments,
    check_secrets: bool = True,
) -> Settings:
    """Return the settings of a file's text; *attachments* collects the files that it names.

    Without *check_secrets*, password and key files need not exist. *path* is for messages.

    Raises:
        ConfigError: the text is invalid; carries all faults.

    """
    document = read(text)
    faults = Faults(document.faults)
    settings = None
    if document.root is not None:
        sources = SecretSources(attachments.folder, environ, check_secrets)
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
        targets = Targets(self._sources, self._faults)
        names = self._root.under("windows")
        return Settings(
            path=path,
            folder=self._sources.folder,
            text=text,
            digest=hashlib.sha256(text).hexdigest(),
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
            notify=targets.read(self._root.at("notify"), section.notify or (), names),
            attached=self._exclusions.attachments.texts(),
            warnings=(
                *(w for cluster in clusters.values() for w in warnings_of(cluster)),
                *_warnings_of(section.listen),
                *self._exclusions.warnings,
                *targets.warnings,
            ),
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
        return {each.name: each for each in found if each}

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


def _warnings_of(listen: tuple[str, int] | None) -> Iterator[str]:
    if listen and not is_loopback(listen[0]):
        yield (
            f"listen: {listen[0]} can be reached from other machines; metrics and health are served"
            " without a password: 127.0.0.1 is for this machine alone"
        )


def difference(before: Settings | None, after: Settings) -> dict[str, list[str]]:
    """Return the names of what is `added`, `removed` and `changed` in *after*."""
    old, new = _parts(before), _parts(after)
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
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
