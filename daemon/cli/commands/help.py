"""`cbmaintd help`: what `--help` prints."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon.cli import output, parser
from daemon.errors import UsageError
from daemon.wording import nearest_or_all, shown


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the help of a command, or of all. Raises UsageError."""
    everything, verbs = parser.build()
    if args.command is None:
        output.write(everything.format_help())
    elif args.command in verbs:
        output.write(verbs[args.command].format_help())
    else:
        known = nearest_or_all(args.command, verbs)
        raise UsageError(f"there is no command {shown(args.command)}{known}")
    return 0
