"""Commands by which people decide about openings."""

from __future__ import annotations

import argparse

from daemon.cli.verbs.verb import Names, Verb, add_end, add_reason, filled


def _open(verb: argparse.ArgumentParser) -> None:
    what = verb.add_argument_group("what to open")
    what.add_argument(
        "name", metavar="NAME", type=filled, help="name of a planned window, or a new name"
    )
    what.add_argument(
        "--repository",
        action="extend",
        nargs="+",
        metavar="C/PATTERN",
        help="for a new name: its repositories, such as prod/orders or 'prod/*'; may be repeated",
    )
    add_end(verb, "for this long from now, such as 2h")
    also = verb.add_argument_group("more")
    add_reason(also)
    also.add_argument("--wait", action="store_true", help="wait until everything is paused")


def _close(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=filled, help="name of an open window")
    add_reason(verb)
    verb.add_argument("--wait", action="store_true", help="wait until everything is resumed")


def _extend(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=filled, help="name of an open window")
    add_end(verb, "this much longer than it would last, such as 1h")
    add_reason(verb)


def _skip(verb: argparse.ArgumentParser) -> None:
    verb.description = f"{verb.description} To take that back, use unskip."
    verb.add_argument("name", metavar="NAME", type=filled, help="name of a window")
    verb.add_argument(
        "--opening", metavar="T", help="day or start of the opening; default: the next one"
    )
    add_reason(verb)


def _unskip(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", type=filled, help="name of a window")
    verb.add_argument(
        "--opening", metavar="T", help="its day or start; needed if several are skipped"
    )
    add_reason(verb)


VERBS = (
    Verb(
        "open",
        "Open a window now, planned or not.",
        examples="""\
  cbmaintd open nightly --for 2h            as planned, but now
  cbmaintd open patch --repository 'prod/*' --for 2h --reason kernel --wait
  cbmaintd open move --repository prod/orders 'test/t-*' --until 18:00
""",
        declare=_open,
        completes={"name": Names.WINDOWS, "repository": Names.REPOSITORIES},
    ),
    Verb(
        "close",
        "End a window that is open.",
        examples="""\
  cbmaintd close nightly --reason "done early"
""",
        declare=_close,
        module="changes",
        completes={"name": Names.OPEN_WINDOWS},
    ),
    Verb(
        "extend",
        "Move the end of a window that is open.",
        examples="""\
  cbmaintd extend nightly --for 1h          an hour longer than planned
  cbmaintd extend nightly --until 07:30
""",
        declare=_extend,
        module="changes",
        completes={"name": Names.OPEN_WINDOWS},
    ),
    Verb(
        "skip",
        "Cancel a coming opening.",
        examples="""\
  cbmaintd skip nightly                     its next opening
  cbmaintd skip nightly --opening 2026-12-24
""",
        declare=_skip,
        module="changes",
        completes={"name": Names.WINDOWS, "opening": Names.OPENINGS},
    ),
    Verb(
        "unskip",
        "Take a skip back.",
        examples="""\
  cbmaintd unskip nightly
  cbmaintd unskip nightly --opening 2026-12-24
""",
        declare=_unskip,
        module="changes",
        completes={"name": Names.SKIPPED_WINDOWS, "opening": Names.SKIPPED_OPENINGS},
    ),
)
