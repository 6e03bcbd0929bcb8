"""Everyday commands: run the daemon, check its file, see what is planned, held and done."""

from __future__ import annotations

import argparse

from daemon.cli.verbs.verb import OUTPUTS, Names, Verb, count, filled, length


def _run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--dry-run", action="store_true", help="decide, but send no POST")
    formats = ("auto", "json", "console")
    verb.add_argument(
        "--log-format",
        choices=formats,
        default="auto",
        help="format of the log on stderr: json for"
        " programs, console for people; auto is console on a terminal",
    )
    levels = ("debug", "info", "warning", "error", "critical")
    verb.add_argument(
        "--log-level",
        choices=levels,
        default="info",
        help="lowest level that is logged; debug also shows every request on a terminal",
    )


def _check(verb: argparse.ArgumentParser) -> None:
    looks = verb.add_argument_group("what to check")
    looks.add_argument("file", metavar="FILE", nargs="?", type=filled, help="instead of -c")
    looks.add_argument("--online", action="store_true", help="also ask every cluster")
    looks.add_argument(
        "--without-secrets",
        action="store_true",
        help="do not read secret files and variables, for CI and laptops",
    )
    says = verb.add_argument_group("output")
    says.add_argument("--strict", action="store_true", help="exit 1 if there are warnings")
    says.add_argument("--output", choices=("text", "json"), default="text", help="output format")


def _calendar(verb: argparse.ArgumentParser) -> None:
    which = verb.add_argument_group("which openings")
    which.add_argument("--from", dest="start", metavar="T", help="start at this time; default: now")
    which.add_argument(
        "--days", type=count, default=14, metavar="N", help="number of days; default 14"
    )
    which.add_argument(
        "--window", action="append", metavar="W", help="only this window; may be repeated"
    )
    more = verb.add_argument_group("more about them")
    more.add_argument(
        "--impact",
        action="store_true",
        help="ask the clusters which runs will be lost, and how long no backup is made",
    )
    more.add_argument(
        "--against",
        type=filled,
        metavar="OLD.yaml",
        help="show which openings appear, vanish or move from that file to this one",
    )
    says = verb.add_argument_group("output")
    says.add_argument("--output", choices=(*OUTPUTS, "ics"), default="table", help="output format")
    says.add_argument(
        "--exit-code", action="store_true", help="with --against: exit 3 if anything differs"
    )


def _status(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--output", choices=OUTPUTS, default="table", help="output format")
    verb.add_argument(
        "--watch", action="store_true", help="keep showing it as it changes, until Ctrl-C"
    )
    verb.add_argument(
        "--exit-code",
        action="store_true",
        help="exit 1 unless everything open is paused, and nothing waits to be resumed",
    )


def _wait(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=filled, help="name of a window")
    verb.add_argument(
        "--for",
        dest="goal",
        choices=("paused", "resumed"),
        help="what to wait for; default: paused, or after its end resumed",
    )
    verb.add_argument(
        "--timeout",
        type=length,
        metavar="D",
        help="give up after this long; default 2m, for a resume counted from the opening's end",
    )


def _history(verb: argparse.ArgumentParser) -> None:
    about = verb.add_argument_group("which entries")
    about.add_argument(
        "--openings", action="store_true", help="one line per opening, as for a change ticket"
    )
    about.add_argument("--failed", action="store_true", help="only requests that did not succeed")
    about.add_argument("--repository", metavar="C/R", help="only this one")
    about.add_argument(
        "--window", action="append", metavar="W", help="only this window; may be repeated"
    )
    when = verb.add_argument_group("period")
    when.add_argument(
        "--since", metavar="T", help="from this time, or this long ago, such as 2h; default 14d"
    )
    when.add_argument("--until", metavar="T", help="up to this time, or this long ago")
    when.add_argument("--limit", type=count, metavar="N", help="only the last N entries")
    says = verb.add_argument_group("output")
    says.add_argument("--output", choices=(*OUTPUTS, "csv"), default="table", help="output format")


def _why(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "repository", metavar="CLUSTER/REPOSITORY", type=filled, help="as prod/orders"
    )
    verb.add_argument("--at", metavar="T", help="at this time instead of now")


VERBS = (
    Verb(
        "run",
        "Run the daemon in the foreground.",
        examples="""\
  cbmaintd run                              as the service does
  cbmaintd run --dry-run                    see what it would do
""",
        declare=_run,
    ),
    Verb(
        "check",
        "Validate the file, and ask the clusters.",
        examples="""\
  cbmaintd check                            every fault, with its place
  cbmaintd check --online                   also: do clusters accept us?
  cbmaintd check new.yaml --without-secrets --strict      in CI
""",
        declare=_check,
    ),
    Verb(
        "calendar",
        "Show the coming openings.",
        examples="""\
  cbmaintd calendar --days 60 --window nightly
  cbmaintd calendar --from 2026-10-25 --days 1
  cbmaintd calendar --days 365 --output ics > maintenance.ics
  cbmaintd calendar --days 30 --impact      what the openings cost in backups
  cbmaintd calendar -c new.yaml --days 90 --against schedules.yaml
""",
        declare=_calendar,
        completes={"window": Names.WINDOWS},
    ),
    Verb(
        "status",
        "Show what is open and what is held.",
        examples="""\
  cbmaintd status
  cbmaintd status --watch                   until Ctrl-C
  cbmaintd status --exit-code               0 if all that is open is paused
  cbmaintd status --output json | jq '.holds[] | select(.last_error)'
""",
        declare=_status,
    ),
    Verb(
        "wait",
        "Wait until a window is paused, or resumed.",
        examples="""\
  cbmaintd wait nightly && ./patch-hosts    start when all is paused
  cbmaintd wait nightly --for resumed --timeout 3h
""",
        declare=_wait,
        completes={"name": Names.WINDOWS},
    ),
    Verb(
        "history",
        "Show what was done to which repository.",
        examples="""\
  cbmaintd history --since 2h
  cbmaintd history --repository prod/orders --since 2026-11-01
  cbmaintd history --window nightly --failed --limit 20
  cbmaintd history --until 2026-11-20T06:00 --limit 50    the fifty before that
  cbmaintd history --openings --since 7d    what became of each opening
  cbmaintd history --since 2026-01-01 --output csv > history.csv
  cbmaintd history --output json | jq '.[] | select(.outcome == "failed")'
""",
        declare=_history,
        completes={"repository": Names.REPOSITORIES, "window": Names.WINDOWS},
    ),
    Verb(
        "why",
        "Explain which windows hold a repository.",
        examples="""\
  cbmaintd why prod/orders                  what covers it now
  cbmaintd why prod/orders --at 2026-12-24T20:00
""",
        declare=_why,
        completes={"repository": Names.REPOSITORIES},
    ),
)
