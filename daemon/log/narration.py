"""The log as a narration for people: what opened, what is paused, what is wrong, in local time.

It leaves out what would hide that: requests that went well, of more than three repositories alike,
or of many clusters, all but their number, and what fails again and again. `debug` shows every
request. What it says is bounded and `printable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from daemon.core.attempt import Outcome
from daemon.core.decide import Reason
from daemon.log import events
from daemon.log.bounds import bounded
from daemon.log.events import Event, Level
from daemon.log.words import Filled, plain
from daemon.log.writer import Entry
from daemon.wording import cut, printable

Paint = Callable[[str, str], str]
"""Gives a text a colour (SGR), or leaves it as it is."""

MOST_ALIKE: Final = 3
"""How many entries that say the same of different repositories are shown one by one."""

MOST_CLUSTERS: Final = 8
"""How many lines say the same of different clusters."""

REPEAT_AFTER: Final = timedelta(minutes=5)
"""How long a request that fails as one before it did is not told again; a success ends that."""

MOST_REMEMBERED: Final = 10_000
"""Of how many clusters that is remembered."""

LONGEST: Final = 2_000
"""Characters of one line."""

_INDENT: Final = " " * 10
_LONG_DELAY_MS: Final = 100_000
_WEEK: Final = timedelta(days=6)
_BAD: Final = frozenset({"warning", "error", "critical"})
_HEAD: Final = ("timestamp", "level", "event", "traceback")
_COLOURS: Final[Mapping[str, str]] = {
    Level.DEBUG.name.lower(): "2",
    Level.WARNING.name.lower(): "33",
    Level.ERROR.name.lower(): "31",
    Level.CRITICAL.name.lower(): "1;31",
    events.WINDOW_OPENED: "1",
    events.WINDOW_CLOSED: "1",
    events.REPOSITORY_PAUSED: "36",
    events.REPOSITORY_RESUMED: "32",
}

_SAID: Final[Mapping[str, str]] = {
    events.CONFIG_WARNED: "{path}{at_line}: {warning}",
    events.CONFIG_REJECTED: "{path} was rejected; the previous configuration stays in force",
    events.WINDOW_CHANGED: "{by} decided: {change} {window}{when}{because}",
    events.REPOSITORY_PAUSED: "{where} is paused ({windows}){after}",
    events.REPOSITORY_RESUMED: "{where} is active again ({windows}){after}{missed_runs}",
    events.REPOSITORY_LEFT: "{where} is left alone: {why}",
    events.CLUSTER_UNREACHABLE: "cluster {cluster} is not responding correctly ({error}){because}",
    events.HTTP_ATTEMPTED: "{request}: {status_or_error}{took}{because}{next}{url}",
    events.NOTIFICATION_SENT: "notified {target} of {events}",
    events.NOTIFICATION_FAILED: "{target} could not be notified of {events} ({error})"
    "{because}{next}",
    events.LOG_DROPPED: "{lines} lines of this log could not be written",
}
"""In place of an event's own words, which stand alone in a message."""

_SAID_OF_MANY: Final[Mapping[str, str]] = {
    events.REPOSITORY_PAUSED: "{count} repositories of {cluster} are paused ({windows}){after}",
    events.REPOSITORY_RESUMED: "{count} repositories of {cluster} are active again ({windows})"
    "{after}",
    events.REPOSITORY_FAILED: "{count} repositories of {cluster}: {action} failed ({error});"
    " {again}",
    events.REPOSITORY_LEFT: "{count} repositories of {cluster} are left alone: {why}",
    events.REPOSITORY_DRIFTED: "{count} repositories of {cluster} were resumed by somebody while"
    " {windows} is open",
    events.REPOSITORY_BUSY: "{count} repositories of {cluster} still run tasks although {windows}"
    " is open",
    events.HTTP_ATTEMPTED: "{count} times {action} on {cluster}: {status_or_error}{because}{next}",
}
_SAID_OF_CLUSTERS: Final[Mapping[str, str]] = {
    **_SAID_OF_MANY,
    events.CLUSTER_UNREACHABLE: "{cluster} are not responding correctly ({error}): {names}",
    events.CLUSTER_RECOVERED: "{cluster} answer again: {names}",
}
_ALIKE_BY: Final = ("cluster", "windows", "action", "error", "reason", "outcome", "status")
_FAILS_BY: Final = ("action", "error", "status")

# Said of one repository, and of many.
_WHY: Final[Mapping[str, str]] = {
    Reason.PAUSED_ELSEWHERE: "paused by somebody else before",
    Reason.RESUMED_ELSEWHERE: "resumed by somebody else",
    Reason.YIELDED: "resumed by a person, who wins for this opening",
    Reason.NEVER_PAUSED: "never paused after all",
    Reason.GONE: "no longer there",
    Reason.DRY_RUN: "this is a dry run",
    Reason.CLOCK_DIFFERS: "this host's clock differs from the database's",
    Reason.LEDGER_LOST: "found paused after the ledger was lost; please look",
    Reason.NOT_UNDERSTOOD: "not understood in the list",
}


class Narrator:
    """Makes lines of entries; `zone` is that of this machine by default."""

    def __init__(
        self, paint: Paint, level: Level, zone: Callable[[datetime], datetime] | None = None
    ) -> None:
        """Narrate what is of *level* and above; *zone* makes an instant local."""
        self._paint = paint
        self._shows_requests = level <= Level.DEBUG
        self._local = zone or datetime.astimezone
        self._day: date | None = None
        self._failing: dict[str, dict[tuple[str, ...], datetime]] = {}

    def fold(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return what is worth a line, with one entry for many that are alike."""
        if self._shows_requests:
            return [*entries]
        told = _folded(filter(self._is_told, entries), _likeness, MOST_ALIKE)
        return _folded(self._without_repeats(told), _likeness_of_clusters, MOST_CLUSTERS)

    def _is_told(self, entry: Entry) -> bool:
        if entry["event"] != events.HTTP_ATTEMPTED:
            return True
        is_failure = entry.get("outcome") != Outcome.OK
        if not is_failure:
            self._failing.pop(str(entry.get("cluster")), None)
        return is_failure

    def _without_repeats(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Leave out requests that fail as others of their cluster did a moment ago."""
        for entry in entries:
            if entry["event"] != events.HTTP_ATTEMPTED:
                yield entry
                continue
            if len(self._failing) > MOST_REMEMBERED:
                self._failing.clear()
            told = self._failing.setdefault(str(entry.get("cluster")), {})
            kind, at = tuple(str(entry.get(key)) for key in _FAILS_BY), _instant_of(entry)
            if kind not in told or at - told[kind] >= REPEAT_AFTER:
                told[kind] = at
                yield entry

    def line(self, entry: Entry) -> str:
        """Return an entry as a line; the first of a day has its date and zone."""
        at = self._local(_instant_of(entry))
        when, self._day = f"{at:%T}" if at.date() == self._day else f"{at:%F %T %Z}", at.date()
        return bounded(lambda part: self._laid_out(part, at, when))(entry)

    def _laid_out(self, entry: Entry, at: datetime, when: str) -> str:
        level, event = str(entry["level"]), str(entry["event"])
        colour = _COLOURS.get(level) or _COLOURS.get(event, "0")
        # Without colours a level has to be read.
        mark = "!" if level in _BAD else " "
        first, *more = (cut(line, LONGEST) for line in self._lines(entry, at))
        told = self._paint(f"{mark} {first}", colour)
        return "\n".join([f"{self._paint(when, '2')} {told}", *more])

    def _lines(self, entry: Entry, at: datetime) -> Iterator[str]:
        event = entry["event"]
        said = _SAID_OF_CLUSTERS if "count" in entry else _SAID
        words = said.get(str(event)) or (event.words if isinstance(event, Event) else _UNKNOWN)
        told = _Told(entry, lambda instant: self._instant(instant, at))
        if self._shows_requests:
            told["url"] = f" ({told['method']} {told['url']})"
        else:
            told["url"] = ""
        yield words.format_map(told).strip()
        faults, bug = entry.get("faults"), str(entry.get("traceback") or "")
        is_rejected = event == events.CONFIG_REJECTED
        for fault in faults if is_rejected and isinstance(faults, list | tuple) else ():
            yield f"{_INDENT}{printable(str(fault))}"
        # Indented, so that it cannot pose as a line of its own.
        for line in bug.split("\n") if bug else ():
            yield f"{_INDENT}{printable(line)}"

    def _instant(self, instant: datetime, now: datetime) -> str:
        """Return an instant in local time, with as much of its date as somebody needs now."""
        local = self._local(instant)
        time = f"{local:%T}" if local.second else f"{local:%H:%M}"
        if local.date() == now.date():
            return time
        return f"{local:%a} {time}" if abs(local - now) < _WEEK else f"{local:%F} {time}"


_UNKNOWN: Final = "{event}: {rest}"


class _Told(Filled):
    """The words of an entry, with some that only a narration has."""

    def __init__(self, entry: Entry, times: Callable[[datetime], str]) -> None:
        keys = {key: value for key, value in entry.items() if key not in _HEAD}
        super().__init__(str(entry["event"]), keys, times)
        reason, message = str(entry.get("reason") or ""), plain(entry.get("message"), times)
        self["why"] = _WHY.get(reason, self.get("reason", "?"))
        because = message or (self["reason"] if "change" in entry else "")
        self["because"] = f": {because}" if because else ""
        line = entry.get("line")
        self["at_line"] = f":{line}" if line else ""
        self["when"] = _when(entry, times)
        self["after"] = _after(entry)
        missed = entry.get("missed")
        self["missed_runs"] = f"; runs missed: {self['missed']}" if missed else ""
        status, error = entry.get("status"), self.get("error", "")
        self["status_or_error"] = " ".join(filter(None, (str(status or ""), error))) or "sent"
        self["request"] = f"{self.get('action', '?')} {_subject(entry, times)}".strip()
        took = entry.get("duration_ms")
        self["took"] = f" in {took} ms" if isinstance(took, int) else ""
        retry = entry.get("retry_in_ms")
        self["next"] = f"; again in {_seconds(retry)}" if isinstance(retry, int) else ""


def _instant_of(entry: Entry) -> datetime:
    instant = entry["timestamp"]
    assert isinstance(instant, datetime)  # noqa: S101  # every entry has one
    return instant


def _subject(entry: Entry, times: Callable[[datetime], str]) -> str:
    cluster, id_ = entry.get("cluster"), entry.get("repository")
    return plain(f"{cluster}/{id_}" if id_ else cluster, times)


def _when(entry: Entry, times: Callable[[datetime], str]) -> str:
    """Return which opening a decision is about, or until when it lasts now."""
    start, end, change = entry.get("start"), entry.get("end"), str(entry.get("change"))
    if change.endswith("skip"):
        return f" of {times(start)}" if isinstance(start, datetime) else ""
    return f" until {times(end)}" if isinstance(end, datetime) and change != "close" else ""


def _after(entry: Entry) -> str:
    late = entry.get("after_ms")
    what = "opening" if entry["event"] == events.REPOSITORY_PAUSED else "end"
    return f" {_seconds(late)} after the {what}" if isinstance(late, int) else ""


def _seconds(milliseconds: int) -> str:
    """Return a delay: in tenths of a second while that matters, else in its two largest units."""
    if milliseconds < _LONG_DELAY_MS:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min {seconds} s"


def _folded(
    entries: Iterable[Entry], likeness: Callable[[Entry], object], most: int
) -> list[Entry]:
    """Return *entries*, of more than *most* that are alike one, where the first of them stood."""
    groups: dict[object, list[Entry]] = {}
    for place, entry in enumerate(entries):
        groups.setdefault(likeness(entry) or place, []).append(entry)
    told: list[Entry] = []
    for alike in groups.values():
        told += [_together(alike)] if len(alike) > most else alike
    return told


def _likeness(entry: Entry) -> object:
    """Return what entries have in common of which one may stand for all; None for no other."""
    if str(entry["event"]) not in _SAID_OF_MANY or entry.get("repository") is None:
        return None
    return (entry["event"], entry["level"], *(str(entry.get(key)) for key in _ALIKE_BY))


def _likeness_of_clusters(entry: Entry) -> object:
    """Return the same of entries about different clusters."""
    if str(entry["event"]) not in _SAID_OF_CLUSTERS:
        return None
    return (entry["event"], entry["level"], *(str(entry.get(key)) for key in _ALIKE_BY[1:]))


def _together(alike: Sequence[Entry]) -> Entry:
    """Return one entry for many: the latest, with their number, and the longest delay."""
    clusters = list(dict.fromkeys(str(entry.get("cluster")) for entry in alike))
    counts = (entry.get("count", 1) for entry in alike)
    together: Entry = alike[-1] | {"count": sum(n for n in counts if isinstance(n, int))}
    if len(clusters) > 1:
        together["cluster"] = f"{len(clusters)} clusters"
        together["names"] = clusters
    delays = [late for entry in alike if isinstance(late := entry.get("after_ms"), int)]
    return together | ({"after_ms": max(delays)} if delays else {})
