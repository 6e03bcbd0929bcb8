"""What can be asked for on the command line, and how a slip of the pen is answered.

Only the standard library is imported here: `--version` and `--help` should not wait for the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NoReturn

from daemon.cli.examples import EPILOG, EXAMPLES
from daemon.durations import parse_duration
from daemon.errors import UsageError
from daemon.wording import nearest, shown

LAST_PORT = 65535
OUTPUTS = ("table", "json")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the nearest word that exists."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(each) for each in action.choices]
            name = action.metavar or "/".join(action.option_strings)
            near = nearest(str(value), known)
            self.error(f"unknown {name} {shown(str(value))}{near}; there are: {', '.join(known)}")

    def options(self) -> list[str]:
        """List the options that it takes."""
        return list(self._option_string_actions)

    def explained(self) -> list[tuple[str, str]]:
        """List the options and arguments that it takes, each with its explanation."""
        takes = (action for action in self._actions if action.dest not in {"help", "verb"})
        return [(_invocation(action), action.help or "") for action in takes]


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Take the arguments apart; `verb` is None if there is none.

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
    """Write how an action is called for: `-c, --config PATH`, `{table,json}`, `TARGET ...`."""
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
        description="Pauses Couchbase backups while your maintenance windows are open.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_globals(parser, default=None)
    commands = parser.add_subparsers(dest="verb", metavar="COMMAND", parser_class=_Parser)
    verbs = {}
    for name, text, declare in _VERBS:
        verbs[name] = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _add_globals(verbs[name], default=argparse.SUPPRESS)
        declare(verbs[name])
    return parser, verbs


def _add_globals(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Let the options that every command has stand before or after it."""
    is_version = False if default is None else default
    parser.add_argument(
        *("-c", "--config"),
        type=_filled,
        metavar="PATH",
        default=default,
        help="default: $CBMAINTD_CONFIG, ./schedules.yaml, /etc/cbmaintd/schedules.yaml",
    )
    parser.add_argument(
        "--ledger",
        type=_filled,
        metavar="URL",
        default=default,
        help="default: $CBMAINTD_LEDGER, what the file says, the state directory",
    )
    parser.add_argument(
        "--version", action="store_true", default=is_version, help="show it and exit"
    )


def _declare_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--dry-run", action="store_true", help="decide, but send no POST")
    formats = ("auto", "json", "console")
    verb.add_argument(
        "--log-format", choices=formats, default="auto", help="of the lines on stderr"
    )
    levels = ("debug", "info", "warning", "error", "critical")
    verb.add_argument("--log-level", choices=levels, default="info", help="the least that is said")


def _declare_check(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--online", action="store_true", help="also ask every cluster")


def _declare_calendar(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--from", dest="start", metavar="T", help="from this time on; default: now")
    verb.add_argument(
        "--days", type=_count, default=14, metavar="N", help="so many days; default 14"
    )
    verb.add_argument(
        "--window", action="append", metavar="W", help="only this one; may be repeated"
    )
    verb.add_argument(
        "--output", choices=(*OUTPUTS, "ics"), default="table", help="how to print it"
    )
    verb.add_argument(
        "--impact",
        action="store_true",
        help="ask the clusters which runs will be lost, and how long no backup is made",
    )
    verb.add_argument(
        "--against",
        type=_filled,
        metavar="OLD.yaml",
        help="show which openings appear, vanish or move from that file to this one",
    )


def _declare_status(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--output", choices=OUTPUTS, default="table", help="how to print it")
    verb.add_argument("--watch", action="store_true", help="show it until Ctrl-C, as it changes")


def _declare_history(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--since", metavar="T", help="from this time, or so long ago, as 2h; default 14d"
    )
    verb.add_argument("--until", metavar="T", help="up to this time, or so long ago")
    verb.add_argument("--repository", metavar="C/R", help="only this one")
    verb.add_argument(
        "--window", action="append", metavar="W", help="only what is about it; may be repeated"
    )
    verb.add_argument("--failed", action="store_true", help="only requests that did not succeed")
    verb.add_argument("--limit", type=_count, metavar="N", help="only the last so many")
    verb.add_argument(
        "--output", choices=(*OUTPUTS, "csv"), default="table", help="how to print it"
    )


def _declare_why(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("repository", metavar="CLUSTER/REPOSITORY", type=_filled)
    verb.add_argument("--at", metavar="T", help="then instead of now")


def _declare_open(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=_filled, help="of the new window")
    verb.add_argument(
        "--repository",
        action="extend",
        nargs="+",
        required=True,
        metavar="C/PATTERN",
        help="what it is for, as prod/orders or 'prod/*'; may be repeated",
    )
    _add_end(verb, "so long from now, as 2h")
    _add_reason(verb)
    verb.add_argument("--wait", action="store_true", help="until all of it is paused")


def _declare_close(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=_filled, help="of a window that is open")
    _add_reason(verb)


def _declare_extend(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=_filled, help="of a window that is open")
    _add_end(verb, "so much longer than it would last, as 1h")
    _add_reason(verb)


def _declare_skip(verb: argparse.ArgumentParser) -> None:
    verb.description = f"{verb.description} It cannot be taken back: at its time, use open."
    verb.add_argument("name", metavar="NAME", type=_filled, help="of a window")
    verb.add_argument("--opening", metavar="T", help="its day or start; default: the next one")
    _add_reason(verb)


def _add_end(verb: argparse.ArgumentParser, meaning: str) -> None:
    end = verb.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="duration", type=_length, metavar="D", help=meaning)
    end.add_argument("--until", metavar="T", help="until this time, as 18:00 or 2026-01-31T02:00")


def _add_reason(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--reason", metavar="TEXT", help="for history and the log")


def _declare_release(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--repository",
        action="extend",
        nargs="+",
        metavar="C/PATTERN",
        help="only these, as prod/orders or 'prod/*'; may be repeated",
    )


def _declare_demo(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--seconds", type=_count, default=6, metavar="N", help="how long the window is; default 6"
    )


def _declare_simulate(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--host", default="127.0.0.1")
    verb.add_argument("--port", type=_port, default=8097, help="0 takes a free one; default 8097")
    verb.add_argument("--management-port", type=_port, default=None, help="default: a free one")
    verb.add_argument("--repositories", default="orders,tenant-a,tenant-b,archive", metavar="A,B,…")
    verb.add_argument("--username", default="Administrator", help="default: Administrator")
    verb.add_argument("--password", default="password", help="default: password")
    verb.add_argument("--tls-cert", metavar="FILE")
    verb.add_argument("--tls-key", metavar="FILE")
    verb.add_argument("--latency", default="0s", metavar="D", help="before each answer, as 50ms")
    verb.add_argument("--state-file", metavar="FILE", help="keep the state over restarts")


def _declare_nothing(_verb: argparse.ArgumentParser) -> None:
    """Declare nothing: it takes no options of its own."""


def _declare_ledger(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("what", metavar="copy", choices=("copy",))
    verb.add_argument(
        "source", metavar="FROM", type=_filled, help="URL of the ledger that there is"
    )
    verb.add_argument("target", metavar="TO", type=_filled, help="URL of an empty one")


def _declare_install(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--print", action="store_true", help="only print the unit")
    verb.add_argument(
        "--root", type=_filled, metavar="DIR", help="below this folder instead of /, as for images"
    )


def _declare_notify(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "targets", metavar="TARGET", nargs="*", help="by name, as slack-1; default: all"
    )


def _declare_completion(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"))


def _filled(text: str) -> str:
    # `-c "$FILE"` with FILE unset must not fall back to some other file.
    if not text:
        raise argparse.ArgumentTypeError("its value is empty")
    return text


def _length(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if not length:
        raise argparse.ArgumentTypeError(f"{text} is no time at all")
    return length


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


_VERBS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("run", "Run the daemon in the foreground.", _declare_run),
    ("check", "Validate the file, and ask the clusters.", _declare_check),
    ("calendar", "Show the openings to come.", _declare_calendar),
    ("status", "Show what is open and what is held.", _declare_status),
    ("history", "Show what was done to which repository.", _declare_history),
    ("why", "Explain which windows hold a repository.", _declare_why),
    ("open", "Open an unplanned window, from now.", _declare_open),
    ("close", "End a window that is open.", _declare_close),
    ("extend", "Move the end of a window that is open.", _declare_extend),
    ("skip", "Cancel an opening to come.", _declare_skip),
    ("reload", "Let the daemon read its file again, and wait.", _declare_nothing),
    ("apply", "Put the file in force for all daemons on a database.", _declare_nothing),
    ("ledger", "Copy a ledger to another, as for a move to PostgreSQL.", _declare_ledger),
    ("release", "Resume now what is held, without a daemon.", _declare_release),
    ("demo", "Watch the daemon work on a simulated service.", _declare_demo),
    ("simulate", "Serve a simulated Backup Service.", _declare_simulate),
    ("notify", "Send a test message to those under notify.", _declare_notify),
    ("install-unit", "Install the systemd units and an example file.", _declare_install),
    ("completion", "Print what completes commands in a shell.", _declare_completion),
    ("manual", "Print the man page.", _declare_nothing),
    ("schema", "Print the JSON Schema of schedules.yaml.", _declare_nothing),
)
