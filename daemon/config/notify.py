"""What `notify` of schedules.yaml means: from its sections to targets.

What is wrong is noted in the faults; the result then counts for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from daemon.config.clusters import SecretSources
from daemon.config.faults import Faults, Place
from daemon.config.sections import NotifySection, UrlSection
from daemon.errors import SecretError
from daemon.host.loopback import is_plain_http_to_elsewhere
from daemon.notify.kinds.registry import KINDS
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.notices import NOTABLE, URGENT
from daemon.notify.targets import Header, Kind, Target
from daemon.notify.urls import url_of, value_of
from daemon.wording import nearest_or_all, shown

_ENCRYPTED_PROXY = (
    "a proxy that is itself spoken to in TLS is not supported: give its http:// URL; through it,"
    " what is sent to an https:// target stays encrypted from end to end"
)


class Targets:
    """The targets of one file as they are read."""

    def __init__(self, sources: SecretSources, faults: Faults) -> None:
        """Look for secrets in *sources*, note faults in *faults*."""
        self._sources = sources
        self._faults = faults

    def read(
        self, place: Place, section: Collection[NotifySection], windows: Collection[str]
    ) -> tuple[Target, ...]:
        """Return the targets at *place*; *windows* are those of the file."""
        found: dict[str, Target] = {}
        for index, each in enumerate(section):
            here = place.at(index)
            target = self._target(here, each, index, windows)
            if target is None:
                continue
            if target.name in found:
                message = f"there is a target {shown(target.name)} already: give it another name"
                self._faults.add(here.at("name"), message)
            found[target.name] = target
        return tuple(found.values())

    def _target(
        self, place: Place, section: NotifySection, index: int, windows: Collection[str]
    ) -> Target | None:
        kind, where = _kind_of(section)
        self._check_windows(place.at("windows"), section.windows or (), windows)
        for key, reason in kind.refused.items():
            if place.has(key):
                self._faults.add_at_key(place.at(key), reason)
        if section.proxy and section.proxy.startswith("https:"):
            self._faults.add(place.at("proxy"), _ENCRYPTED_PROXY)
        if section.template is not None:
            self._check_template(place, section.template, kind)
        if where is None:
            return None
        self._check_matchers(place, section.matchers, kind)
        target = Target(
            name=section.name or f"{kind.key}-{index + 1}",
            kind=kind,
            url_file=self._sources.path(where.file),
            url_env=where.env,
            events=self._events(place.at("events"), section.events),
            windows=section.windows or ("*",),
            template=section.template,
            proxy=section.proxy,
            matchers=section.matchers or (),
            headers=tuple(
                Header(name, self._sources.path(value.file), value.env)
                for name, value in (section.headers or {}).items()
            ),
        )
        if self._sources.must_exist:
            self._check_url(place.at(kind.key), target)
            for header in target.headers:
                self._check_header(place.at("headers", header.name), header)
        return target

    def _events(self, place: Place, globs: tuple[str, ...] | None) -> frozenset[str]:
        """Return the events that are asked for, by name or by glob."""
        if globs is None:
            return URGENT
        for index, glob in enumerate(globs):
            if not any(_matching(NOTABLE, glob)):
                message = f"{shown(glob)} is not an event{nearest_or_all(glob, NOTABLE)}"
                self._faults.add(place.at(index), message)
        return frozenset(event for glob in globs for event in _matching(NOTABLE, glob))

    def _check_windows(self, place: Place, globs: Iterable[str], known: Collection[str]) -> None:
        for index, glob in enumerate(globs):
            if not any(_matching(known, glob)):
                message = f"{shown(glob)} is not a window of this file{nearest_or_all(glob, known)}"
                self._faults.add(place.at(index), message)

    def _check_template(self, place: Place, text: str, kind: Kind) -> None:
        try:
            kind.check_template(text)
        except ValueError as exc:
            self._faults.add_at_key(place.at("template"), str(exc))

    def _check_matchers(self, place: Place, matchers: tuple[str, ...] | None, kind: Kind) -> None:
        if matchers is None and place.has("matchers"):
            # What is wrong with them was noted where they were read.
            return
        try:
            kind.check_matchers(matchers)
        except ValueError as exc:
            self._faults.add_at_key(place.at("matchers" if matchers else kind.key), str(exc))

    def _check_header(self, place: Place, header: Header) -> None:
        try:
            value_of(header, self._sources.environ)
        except SecretError as exc:
            self._faults.add(place.at("file" if header.file else "env"), str(exc))

    def _check_url(self, place: Place, target: Target) -> None:
        source = place.at("file") if place.has("file") else place.at("env")
        try:
            url = url_of(target, self._sources.environ)
            target.kind.check_url(url)
        except (SecretError, ValueError) as exc:
            self._faults.add(source, str(exc))
            return
        if is_plain_http_to_elsewhere(url):
            self._faults.warn(
                source,
                f"the URL of {target.name} begins with http://: anyone on the network path can read"
                " it and what is sent",
            )


def _kind_of(section: NotifySection) -> tuple[Kind, UrlSection | None]:
    """Return the kind whose key is given, with its value; where none is, one that takes all."""
    given = ((kind, getattr(section, kind.key)) for kind in KINDS)
    return next(((kind, where) for kind, where in given if where), (WEBHOOK, None))


def _matching(names: Iterable[str], glob: str) -> Iterator[str]:
    return (name for name in names if fnmatchcase(name, glob))
