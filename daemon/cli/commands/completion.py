"""`cbmaintd completion`: the lines with which a shell completes commands, options and names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from argcomplete.shell_integration import shellcode


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print them; the shell then asks cbmaintd at each Tab, see `daemon.cli.completion`."""
    sys.stdout.write(f"{shellcode(['cbmaintd'], shell=args.shell).strip()}\n")
    return 0
