"""An event of the log in words for people; pure. How times read is up to whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from daemon.core.summary import outcome
from daemon.wording import counted, cut, enumerated, printable

Times = Callable[[datetime], str]
"""Returns an aware instant as people read it."""

_LONGEST: Final = 500
"""Characters of one value that people are told."""


def _for_good(keys: Mapping[str, object]) -> str:
    # A repository that a window names, and no list has: once there is one, it is paused.
    is_missing = (keys.get("action"), keys.get("error")) == ("pause", "not_found")
    return "there is no such repository" if is_missing else "not tried again by itself"


class Filled(dict[str, str]):
    """The words of an event by name, for `format_map`; what it does not know reads as `?`."""

    def __init__(self, event: str, keys: Mapping[str, object], times: Times) -> None:
        """Take the keys of a line of the log."""
        super().__init__({key: plain(value, times) for key, value in keys.items()})
        due = keys.get("next_attempt")
        self["event"] = plain(event, times)
        self["where"] = plain(f"{keys.get('cluster')}/{keys.get('repository')}", times)
        self["again"] = f"tried again at {plain(due, times)}" if due else _for_good(keys)
        self["counted"] = _counted(keys, times)
        self["size"] = _size(keys)
        self["kept"] = _kept(keys)
        self["outcome"] = printable(outcome(keys)) if "wanted" in keys else "?"
        self["rest"] = enumerated(
            f"{plain(key, times)} {plain(value, times)}"
            for key, value in keys.items()
            if key != "traceback"
        )

    def __missing__(self, key: str) -> str:
        """Return a mark for what is not there."""
        return "?"


def _repositories(count: object) -> str:
    return counted(count if isinstance(count, int) else 0, "repository", "repositories")


def _size(keys: Mapping[str, object]) -> str:
    """Return how much there is to look after."""
    clusters, windows = keys.get("clusters"), keys.get("windows")
    if not (isinstance(clusters, int) and isinstance(windows, int)):
        return "?"
    return f"{counted(clusters, 'cluster', 'clusters')}, {counted(windows, 'window', 'windows')}"


def _kept(keys: Mapping[str, object]) -> str:
    """Return what stays paused when the daemon ends."""
    holds = keys.get("holds")
    if not holds:
        return "it holds no repository"
    return f"{_repositories(holds)} {'stays' if holds == 1 else 'stay'} paused until it starts"


def _counted(keys: Mapping[str, object], times: Times) -> str:
    """Return how many repositories an opening is for, as far as that is known."""
    count, silent = keys.get("repositories"), keys.get("unanswered")
    parts = ["its repositories are not known" if count is None else _repositories(count)]
    if isinstance(silent, list | tuple) and silent:
        parts.append(f"no answer from {enumerated(plain(each, times) for each in silent)}")
    return "; ".join(parts)


def plain(value: object, times: Times) -> str:
    """Return a value of the log for people, `printable` and bounded: lists with commas."""
    match value:
        case datetime():
            return times(value)
        case date():
            return value.isoformat()
        case dict():
            return " ".join(plain(inner, times) for inner in value.values())
        case list() | tuple():
            return enumerated(plain(inner, times) for inner in value)
        case None:
            return ""
        case _:
            return cut(printable(str(value)), _LONGEST)
