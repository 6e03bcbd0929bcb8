"""`cbmaintd manual`: the man page."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon.cli import output
from daemon.cli.manual import page


def run(_args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the page, as `man` reads it."""
    output.write(page())
    return 0
