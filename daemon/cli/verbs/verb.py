"""What a command is to the parser, and the kinds of arguments that several commands take.

To add a command, write its module in `daemon.cli.commands` and add its `Verb` to a module here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from daemon.durations import parse_duration
from daemon.wording import printable, shown

LAST_PORT = 65535
LARGEST_COUNT = 999_999_999
OUTPUTS = ("table", "json")
LONGEST_REASON = 500


class Names(Enum):
    """What a shell can complete an argument with."""

    WINDOWS = auto()
    OPEN_WINDOWS = auto()
    SKIPPED_WINDOWS = auto()
    OPENINGS = auto()
    SKIPPED_OPENINGS = auto()
    REPOSITORIES = auto()
    TARGETS = auto()
    COMMANDS = auto()
    TOPICS = auto()


def _nothing(_verb: argparse.ArgumentParser) -> None:
    """Declare no argument."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: *declare* adds its arguments, *completes* is by their names in the namespace.

    *module* is where it is implemented in `daemon.cli.commands`, by default the one of its name.
    """

    name: str
    summary: str
    examples: str
    declare: Callable[[argparse.ArgumentParser], None] = _nothing
    completes: Mapping[str, Names] = field(default_factory=dict)
    module: str = ""

    @property
    def path(self) -> str:
        """The module to import in order to run it."""
        return f"daemon.cli.commands.{self.module or self.name.replace('-', '_')}"


def add_end(verb: argparse.ArgumentParser, meaning: str) -> None:
    """Add `--for` and `--until`, of which one is required."""
    group = verb.add_argument_group("until when; one of these is required")
    end = group.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="duration", type=length, metavar="D", help=meaning)
    end.add_argument(
        "--until", metavar="T", help="until this time, such as 18:00 or 2026-01-31T02:00"
    )


def add_reason(group: argparse._ActionsContainer) -> None:
    """Add `--reason`."""
    group.add_argument(
        "--reason",
        type=reason,
        metavar="TEXT",
        help=f"for history and the log; at most {LONGEST_REASON} characters",
    )


def filled(text: str) -> str:
    """Return a text that is not empty: `-c "$FILE"` without FILE must not mean another file."""
    if not text:
        raise argparse.ArgumentTypeError("its value is empty")
    return text


def reason(text: str) -> str:
    """Return a text for people, what is not printable in it escaped."""
    escaped = printable(text)
    if len(escaped) > LONGEST_REASON:
        raise argparse.ArgumentTypeError(
            f"it has {len(escaped)} characters, and at most {LONGEST_REASON} are allowed"
        )
    return escaped


def length(text: str) -> timedelta:
    """Parse a duration longer than zero."""
    try:
        parsed = parse_duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if not parsed:
        raise argparse.ArgumentTypeError(f"{text} is not longer than zero")
    return parsed


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    return _whole(text, 1, LARGEST_COUNT, f"a whole number from 1 to {LARGEST_COUNT:,}")


def port(text: str) -> int:
    """Parse the number of a TCP port; 0 is any free one."""
    return _whole(text, 0, LAST_PORT, f"a port (0 to {LAST_PORT})")


def _whole(text: str, low: int, high: int, wanted: str) -> int:
    # Not all digits are worth converting: Python refuses thousands of them.
    digits = text.lstrip("0")[: len(str(high)) + 1] or "0"
    if not text.isdecimal() or not low <= int(digits) <= high:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not {wanted}")
    return int(digits)
