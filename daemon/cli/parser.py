"""The parser of the command line, and its answers to typing errors.

Only the standard library is imported here: `--version` and `--help` should not wait for the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NoReturn

from daemon.cli.verbs import administration, daily, decisions, tools
from daemon.cli.verbs.verb import Verb, filled
from daemon.errors import UsageError
from daemon.wording import listed, nearest, shown

_FAMILIES = {
    "every day": daily.VERBS,
    "decisions about openings": decisions.VERBS,
    "the file, the ledger, emergencies": administration.VERBS,
    "to begin with": tools.VERBS,
}
VERBS = {verb.name: verb for verb in chain.from_iterable(_FAMILIES.values())}
"""The commands by name, in the order of the help."""

_FEW = 6
"""So many choices are named although one of them is most like what was written."""

EPILOG = """\
first steps:
  cbmaintd demo                          watch it work on a simulated service
  cbmaintd init > schedules.yaml         an example; --url: for your cluster
  cbmaintd -c schedules.yaml check       every fault, with its place
  cbmaintd -c schedules.yaml calendar    what opens when
  cbmaintd manual troubleshooting        what an error means, and what to do

exit codes: 0 done, 1 could not be done, 2 bad usage or file, 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    """Reports what is wrong in one line, with the most similar word that exists."""

    _given: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override]  # argparse has overloads for other namespaces
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does, and remember what was given for `error`."""
        self._given = tuple(args or ())
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        if "arguments are required" in message:
            # argparse stops there, although it has more to ask for.
            message += "".join(f", and {listed(names)}" for names in self._missing_choices())
        more = "" if message.endswith("?") else ";"
        raise UsageError(f"{message}{more} see {self.prog} --help")

    def _missing_choices(self) -> Iterator[list[str]]:
        """Yield the options of each group of which one is required, and none was given."""
        given = {word.partition("=")[0] for word in self._given}
        for group in self._mutually_exclusive_groups:
            names = [name for action in group._group_actions for name in action.option_strings]  # noqa: SLF001  # nowhere else
            if group.required and not given.intersection(names):
                yield names

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(each) for each in action.choices]
            name = action.metavar or "/".join(action.option_strings)
            near = nearest(str(value), known)
            there = "" if near and len(known) > _FEW else f"; there are: {', '.join(known)}"
            self.error(f"unknown {name} {shown(str(value))}{there}{near}")

    def options(self) -> list[str]:
        """Return the options that it takes."""
        return list(self._option_string_actions)

    def explained(self) -> list[tuple[str, str]]:
        """Return the options and arguments that it takes, each with its explanation."""
        takes = (action for action in self._actions if action.dest not in {"help", "verb"})
        return [(_invocation(action), action.help or "") for action in takes]


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments; `verb` is None if there is none.

    Raises:
        UsageError: one of them is unknown, or makes no sense.
        SystemExit: help was asked for, and has been printed.

    """
    parser, verbs = build()
    _check_first(arguments, parser, verbs)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        verb = verbs.get(args.verb, parser)
        raise _unknown(unknown[0], verb.options())
    return args


def help_text() -> str:
    """Return what `--help` prints."""
    parser, _ = build()
    return parser.format_help()


def _check_first(arguments: Sequence[str], parser: _Parser, verbs: Mapping[str, _Parser]) -> None:
    """Refuse an unknown option before the verb: argparse would take its value for the verb."""
    first = arguments[0].partition("=")[0] if arguments else ""
    if first.startswith("--") and first not in parser.options():
        if any(first in verb.options() for verb in verbs.values()):
            raise UsageError(f"{first} stands after the command; see {parser.prog} --help")
        raise _unknown(first, parser.options())


def _invocation(action: argparse.Action) -> str:
    """Return how an argument is written: `-c, --config PATH`, `{table,json}`, `TARGET ...`."""
    takes = action.metavar if isinstance(action.metavar, str) else ""
    if action.choices is not None:
        takes = f"{{{','.join(map(str, action.choices))}}}"
    if action.nargs in {"+", "*"}:
        takes += " ..."
    return f"{', '.join(action.option_strings)} {takes}".strip()


def _unknown(argument: str, known: Sequence[str]) -> UsageError:
    word = argument.partition("=")[0]
    return UsageError(f"unknown argument {shown(argument)}{nearest(word, known)}")


def build() -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser of the command line, and those of its verbs by name."""
    parser = _Parser(
        prog="cbmaintd",
        usage="cbmaintd [OPTION]... COMMAND [ARGUMENT]...",
        description="Pauses Couchbase backups while your maintenance windows are open.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    commands = parser.add_subparsers(
        dest="verb",
        prog=parser.prog,
        metavar="COMMAND",
        parser_class=_Parser,
        help=argparse.SUPPRESS,
    )
    for title, family in _FAMILIES.items():
        parser.add_argument_group(title, "\n".join(map(_line, family)))
    _add_globals(parser, default=None)
    parsers = {}
    for name, verb in VERBS.items():
        parsers[name] = commands.add_parser(
            name,
            description=verb.summary,
            epilog=f"examples:\n{verb.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        verb.declare(parsers[name])
        _add_globals(parsers[name], default=argparse.SUPPRESS)
    return parser, parsers


def _line(verb: Verb) -> str:
    return f"{verb.name:<14}{verb.summary}"


def _add_globals(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add the options that every command has; they may stand before or after it."""
    is_version = False if default is None else default
    shared = parser.add_argument_group("options of every command")
    shared.add_argument("-h", "--help", action="help", help="show this help and exit")
    shared.add_argument(
        *("-c", "--config"),
        type=filled,
        metavar="PATH",
        default=default,
        help="the file with clusters and windows; default: $CBMAINTD_CONFIG, ./schedules.yaml,"
        " /etc/cbmaintd/schedules.yaml",
    )
    shared.add_argument(
        "--ledger",
        type=filled,
        metavar="URL",
        default=default,
        help="where holds and the history are kept; default: $CBMAINTD_LEDGER, what the file says,"
        " the state directory",
    )
    shared.add_argument(
        "--version", action="store_true", default=is_version, help="show the version and exit"
    )
