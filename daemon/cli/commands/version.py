"""`cbmaintd version`: what `--version` prints."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon import __version__
from daemon.cli import output


def run(_args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print it."""
    output.say(f"cbmaintd {__version__}")
    return 0
