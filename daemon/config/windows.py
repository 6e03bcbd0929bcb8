"""Check a window of schedules.yaml and turn its section into a `Window`.

These are the checks that involve more than one field: whether the rule ever fires, and which
clusters and exclusions its names refer to. Errors are added to the faults; the result must then
not be used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import chain
from zoneinfo import ZoneInfo

from daemon.config import notation
from daemon.config.addresses import check_brackets
from daemon.config.faults import Faults, Place
from daemon.config.rules import RuleSection
from daemon.config.sections import WindowSection
from daemon.windows.bounds import check_overlap
from daemon.windows.dates import DateRange, DateSet
from daemon.windows.globs import is_glob
from daemon.windows.rules import Rule
from daemon.windows.window import CatchUp, OnDrift, Patterns, Window
from daemon.wording import nearest, nearest_or_all, shown

Labels = Mapping[str, str]
Targets = tuple[tuple[str, Patterns], ...]


@dataclass(frozen=True, slots=True)
class References:
    """What windows may refer to: clusters with their labels, exclusions, the default zone.

    None marks what has faults of its own, so that no further ones follow from it; no clusters at
    all are such a fault, too. `targets` remembers what the same words referred to in an earlier
    window: thousands of windows for thousands of clusters share one list of these.
    """

    clusters: Mapping[str, Labels | None]
    exclusions: Mapping[str, DateSet | None]
    zone: ZoneInfo
    targets: dict[tuple[str, tuple[str, ...]], Targets] = field(default_factory=dict)


def window(
    place: Place, section: WindowSection, known: References, faults: Faults
) -> Window | None:
    """Return the window at *place*, None without a rule; errors are added to *faults*."""
    rule = _rule(place, section, faults)
    targets = _targets(place, section, known, faults)
    excluded = _excluded(place.at("exclude"), section, known.exclusions, faults)
    first, last = section.valid_from, section.valid_until
    if first and last and last < first:
        faults.add(place.at("valid_until"), f"before valid_from, which is {first}")
    if rule is None:
        return None
    return Window(
        name=str(place.path[-1]),
        rule=rule,
        zone=section.timezone or known.zone,
        targets=targets,
        excluded=excluded,
        pause_before=section.pause_before or timedelta(0),
        catch_up=section.catch_up or CatchUp.NONE,
        on_drift=section.on_drift or OnDrift.REPORT,
        enabled=section.enabled is not False,
        description=section.description or "",
        valid_from=first,
        valid_until=last,
    )


def _rule(place: Place, section: WindowSection, faults: Faults) -> Rule | None:
    kinds = [kind for kind in section.exactly_one if place.has(kind)]
    chosen: RuleSection | None = getattr(section, kinds[0]) if len(kinds) == 1 else None
    if chosen is None:
        return None
    try:
        rule = chosen.to_rule()
        if rule is not None:
            check_overlap(rule, section.pause_before or timedelta(0))
    except ValueError as exc:
        faults.add(place.at(kinds[0], chosen.blamed), str(exc))
        return None
    return rule


def _targets(place: Place, section: WindowSection, known: References, faults: Faults) -> Targets:
    places = place.under("repositories")
    if section.repositories == {} and not places:
        faults.add(place.at("repositories"), "there is no cluster in it: name at least one")
    found: list[Targets] = []
    for key, below in places.items():
        patterns = (section.repositories or {}).get(key, ())
        if patterns and all(pattern.startswith("!") for pattern in patterns):
            message = '! takes away from what other patterns match: put "*" before it'
            faults.add(below, message)
        found.append(_targets_of(below, key, patterns, known, faults))
    return found[0] if len(found) == 1 else tuple(chain.from_iterable(found))


def _targets_of(
    place: Place, key: str, patterns: tuple[str, ...], known: References, faults: Faults
) -> Targets:
    found = known.targets.get((key, patterns))
    # Not remembered if there are none: each window says so.
    if not found:
        names = _addressed(place, key, known.clusters, faults) if known.clusters else []
        shared = Patterns(patterns)
        found = known.targets[key, patterns] = tuple((name, shared) for name in names)
    return found


def _addressed(
    place: Place, key: str, clusters: Mapping[str, Labels | None], faults: Faults
) -> list[str]:
    """Return the clusters that a key under `repositories` refers to."""
    if "=" in key:
        return _labelled(place, key, clusters, faults)
    try:
        check_brackets(key)
    except ValueError as exc:
        faults.add_at_key(place, str(exc))
        return []
    found = [name for name in clusters if fnmatchcase(name, key)]
    if not found:
        kind = "matches" if is_glob(key) else "is called"
        message = f"no cluster {kind} {shown(key)}{nearest_or_all(key, clusters)}"
        faults.add_at_key(place, message)
    return found


def _labelled(
    place: Place, key: str, clusters: Mapping[str, Labels | None], faults: Faults
) -> list[str]:
    """Return the clusters that have all the labels of a key: `env=prod,region=eu`."""
    pairs = [tuple(part.strip().split("=")) for part in key.split(",")]
    wanted = {pair[0]: pair[-1] for pair in pairs}
    if len(wanted) < len(pairs) or not all(map(_is_label, pairs)):
        message = f"{shown(key)} does not select by labels: write env=prod or env=prod,region=eu"
        faults.add_at_key(place, message)
        return []
    found = [name for name, labels in clusters.items() if wanted.items() <= (labels or {}).items()]
    if not found and None not in clusters.values():
        known = {f"{k}={v}" for labels in clusters.values() for k, v in (labels or {}).items()}
        odd = [f"{k}={v}" for k, v in wanted.items() if f"{k}={v}" not in known]
        guess = nearest(odd[0], sorted(known)) if odd else ""
        faults.add_at_key(place, f"no cluster has the labels {shown(key)}{guess}")
    return found


def _is_label(pair: tuple[str, ...]) -> bool:
    return len(pair) == len(("label", "value")) and all(
        re.fullmatch(notation.NAME, x) for x in pair
    )


def _excluded(
    place: Place,
    section: WindowSection,
    exclusions: Mapping[str, DateSet | None],
    faults: Faults,
) -> tuple[DateSet, ...]:
    """Return the sets that are named, each once, and one of all dates of its own."""
    found: dict[str, DateSet] = {}
    own: list[DateRange] = []
    for index, word in enumerate(section.exclude or ()):
        try:
            if word in exclusions:
                found[word] = exclusions[word] or DateSet(())
            else:
                own.append(_date_range(word, exclusions))
        except ValueError as exc:
            faults.add(place.at(index), str(exc))
    return (*found.values(), *((DateSet.of(own),) if own else ()))


def _date_range(word: str, exclusions: Mapping[str, DateSet | None]) -> DateRange:
    """Return the dates of a date or range. Raises ValueError."""
    if notation.looks_like_date(word):
        return notation.date_range(word)
    raise ValueError(
        f"{shown(word)} is neither a date such as 2026-11-12 nor an exclusion of this file"
        f"{nearest_or_all(word, exclusions)}"
    )
