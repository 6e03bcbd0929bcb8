"""Commands for whoever looks after the daemon, its file and its ledger."""

from __future__ import annotations

import argparse

from daemon.cli.verbs.verb import Names, Verb, filled


def _ledger(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("what", metavar="copy", choices=("copy",), help="copy is the only action")
    verb.add_argument("source", metavar="FROM", type=filled, help="URL of the existing ledger")
    verb.add_argument("target", metavar="TO", type=filled, help="URL of an empty ledger")


def _release(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--repository",
        action="extend",
        nargs="+",
        metavar="C/PATTERN",
        help="only these, such as prod/orders or 'prod/*'; may be repeated",
    )


VERBS = (
    Verb(
        "reload",
        "Have the daemon read its file again, and wait.",
        examples="""\
  cbmaintd reload                           after an edit; shows its faults
""",
    ),
    Verb(
        "apply",
        "Put the file in force for all daemons on a database.",
        examples="""\
  cbmaintd apply                            when every host has the new file
  cbmaintd apply -c new.yaml                before they do; they wait for it
""",
    ),
    Verb(
        "ledger",
        "Copy a ledger to another, as for a move to PostgreSQL.",
        examples="""\
  cbmaintd ledger copy a.db 'postgresql+psycopg://db1/cb?sslmode=verify-full'
""",
        declare=_ledger,
    ),
    Verb(
        "release",
        "Resume now what is held, without a daemon.",
        examples="""\
  cbmaintd release                          everything, on every cluster
  cbmaintd release --repository 'prod/*' '*/orders'
  cbmaintd release --ledger /var/lib/cbmaintd/ledger.db
""",
        declare=_release,
        completes={"repository": Names.REPOSITORIES},
    ),
)
