"""A first schedules.yaml for a cluster, of what its Backup Service lists; pure.

Names of clusters, windows and repositories have a form of their own. All other text, which may be
anything, stands between quotes with escapes, or in a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from textwrap import wrap
from zoneinfo import ZoneInfo

from daemon.cli.drafting.quiet_hours import ENOUGH, Slot, quietest
from daemon.cli.reports.impact import Inventory
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.durations import format_duration
from daemon.wording import counted, cut, enumerated, printable

CLUSTER = "cluster-1"
MOST_DESCRIBED = 40
"""How many plans are described, and of each so many runs to come."""

MOST_RUNS = 3

MOST_PLANS = 50
"""For how many plans windows of their own are suggested."""

MOST_IN_A_LIST = 5_000
"""How many ids one window names."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEK = timedelta(days=7)
_LONGEST_COMMENT = 400
_WIDTH = 79
_LONGEST_NAME = 40
_NO_TEXT = frozenset({"true", "false", "null"})
"""What is no name in YAML; as little as a number is."""

HEAD = """\
# schedules.yaml for cbmaintd, suggested on {now:%Y-%m-%d} by
# {place}
# No planned run falls into a window. Change what you like, and then:
#   cbmaintd -c FILE check --online      every fault, and what clusters say
#   cbmaintd -c FILE calendar --impact   what opens when, what that costs
# `cbmaintd init` prints an example with every key.

timezone: {zone}   # of the times below
# ledger: sqlite:////var/lib/cbmaintd/ledger.db   # where the unit keeps it
# listen: 127.0.0.1:9797   # a web page, /metrics, /healthz; else off

clusters:
  {cluster}:   # the name is yours to choose
"""

_OPTIONS = """\
    # pause_before: 15m   # pause earlier, so that running tasks can finish
    # catch_up: missed    # after the resume one backup, if one fell due
"""


@dataclass(frozen=True, slots=True)
class Source:
    """How the cluster is reached: keys of its section with their values."""

    keys: Mapping[str, str]
    ca_file: str | None = None

    @property
    def place(self) -> str:
        """The URL that was asked."""
        return self.keys.get("url") or self.keys["discover"]


def head(source: Source, zone: ZoneInfo, now: datetime) -> str:
    """Return the beginning of the file, up to the cluster."""
    place = printable(source.place)
    text = HEAD.format(
        place=place, now=now.astimezone(zone), zone=quoted(zone.key), cluster=CLUSTER
    )
    lines = [f"    {key}: {quoted(value)}" for key, value in source.keys.items()]
    if source.ca_file is not None:
        lines.append(f"    tls: {{ca_file: {quoted(source.ca_file)}}}")
    elif source.place.startswith("https"):
        lines.append("    # tls: {ca_file: prod-ca.pem}   # whom to trust instead of the system's")
    return text + "\n".join(lines) + "\n"


def draft(source: Source, inventory: Inventory, zone: ZoneInfo, now: datetime) -> str:
    """Return the whole file: every repository of the cluster is in a window."""
    found = sorted(inventory.repositories, key=lambda each: each.id)
    lines = [*_described(inventory, found, zone), "", "windows:"]
    for index, (name, slot, mine, about) in enumerate(_windows(inventory, found, zone, now)):
        lines += [""] if index else []
        lines += _window(name, slot, mine, about)
    return f"{head(source, zone, now)}\n" + "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Return *text* as YAML has it between double quotes, on one line."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain) + '"'


def _comment(text: str, indent: str = "") -> str:
    short, begin = cut(printable(text), _LONGEST_COMMENT), f"{indent}# "
    lines = wrap(short, _WIDTH - len(begin), subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(f"{begin}{line}" for line in lines) or begin.rstrip()


def _described(
    inventory: Inventory, found: Sequence[ObservedRepository], zone: ZoneInfo
) -> Iterator[str]:
    plans = _by_plan(found)
    yield _comment(f"Repositories there: {len(found)}. By plan, with the runs that come next:")
    for plan, mine in islice(plans.items(), MOST_DESCRIBED):
        named = f"plan {_short(plan)}" if plan else "without a plan"
        yield _comment(f"  {named}{_runs(inventory, mine[0], zone)}: {enumerated(_ids(mine))}")
    if more := len(list(plans)[MOST_DESCRIBED:]):
        yield _comment(f"  and {counted(more, 'more plan', 'more plans')}")
    if paused := [each for each in found if each.state is RepositoryState.PAUSED]:
        yield _comment(f"Paused now, so their runs are not known: {enumerated(_ids(paused))}")
    if odd := inventory.not_understood:
        named = enumerated(row.id or "(no id)" for row in odd)
        yield _comment(f"In rows that cannot be understood, and left alone: {named}")


def _by_plan(found: Iterable[ObservedRepository]) -> dict[str, list[ObservedRepository]]:
    plans: dict[str, list[ObservedRepository]] = {}
    for each in found:
        plans.setdefault(each.plan, []).append(each)
    return plans


def _ids(found: Iterable[ObservedRepository]) -> Iterator[str]:
    return (each.id for each in found)


def _short(text: str) -> str:
    return cut(text, _LONGEST_NAME)


def _runs(inventory: Inventory, repository: ObservedRepository, zone: ZoneInfo) -> str:
    every = inventory.periods.get(repository.plan, {})
    alike: dict[tuple[str, str, timedelta | None], list[str]] = {}
    for run in sorted(repository.scheduled):
        at = run.next_run.astimezone(zone)
        key = run.task_type, f"{at:%H:%M}", every.get(run.task)
        alike.setdefault(key, []).append(f"{at:%a}")
    runs = enumerated((_run(*key, days) for key, days in alike.items()), MOST_RUNS)
    return f" ({runs})" if runs else ""


def _run(kind: str, time: str, period: timedelta | None, days: Sequence[str]) -> str:
    """Return tasks of one kind and time: `BACKUP daily 23:00`, `MERGE Sun 04:00 every 7d`."""
    if period == _WEEK and len(set(days)) == len(_DAYS):
        return f"{_short(kind)} daily {time}"
    regularly = f" every {format_duration(period)}" if period else ""
    return f"{_short(kind)} {' '.join(dict.fromkeys(days))} {time}{regularly}"


_Suggested = tuple[str, Slot, Sequence[ObservedRepository] | None, str]
"""A window: its name, when, for which repositories (None: all), and what to say of it."""


def _windows(
    inventory: Inventory, found: Sequence[ObservedRepository], zone: ZoneInfo, now: datetime
) -> Iterator[_Suggested]:
    """Suggest one window for all if that leaves time for work, otherwise one for each plan."""
    together = quietest(inventory, found, zone, now)
    plans = _by_plan(found)
    if len(plans) <= 1 or len(plans) > MOST_PLANS or _is_good(together):
        yield "maintenance", together, None, "for every repository, also those to come"
        return
    taken: set[str] = set()
    for plan, mine in plans.items():
        slot = quietest(inventory, mine, zone, now)
        about = f"for the repositories of the plan {_short(plan)}" if plan else "without a plan"
        parts = iter(mine)
        while part := list(islice(parts, MOST_IN_A_LIST)):
            yield _name(plan, taken), slot, part, about


def _is_good(slot: Slot) -> bool:
    return slot.length >= ENOUGH and not slot.runs


def _name(plan: str, taken: set[str]) -> str:
    """Return a name for the window of a plan that no other window has."""
    word = re.sub(r"[^A-Za-z0-9]+", "-", plan).strip("-")[:_LONGEST_NAME] or "maintenance"
    if word[0].isdigit() or word.lower() in _NO_TEXT:
        word = f"plan-{word}"
    names = (word if not number else f"{word}-{number + 1}" for number in range(len(taken) + 1))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name


def _window(
    name: str, slot: Slot, mine: Iterable[ObservedRepository] | None, about: str
) -> Iterator[str]:
    yield _comment(about, "  ")
    if slot.runs:
        yield _comment(f"No time is free of runs: this window loses {slot.runs} a week", "  ")
    elif slot.length < ENOUGH:
        yield _comment("Short, because runs are close together; catch_up may help", "  ")
    length = format_duration(slot.length)
    ids = '"*"' if mine is None else ", ".join(quoted(each.id) for each in mine)
    yield f"  {name}:"
    day, start = _DAYS[slot.weekday], f"{slot.start:%H:%M}"
    yield f"    weekly: {{days: [{day}], start: {start}, duration: {length}}}"
    yield f"    repositories: {{{CLUSTER}: [{ids}]}}"
    yield from _OPTIONS.splitlines()
