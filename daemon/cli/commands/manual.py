"""`cbmaintd manual`: the man page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from daemon.cli.manual import page


def run(_args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the page, as `man` reads it."""
    sys.stdout.write(page())
    return 0
