"""`cbmaintd completion`: the lines with which a shell completes commands, options and names."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from argcomplete.shell_integration import shellcode

from daemon.cli import output


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print them; the shell then asks cbmaintd at each Tab, see `daemon.cli.completion`."""
    output.write(f"{shellcode(['cbmaintd'], shell=args.shell).strip()}\n")
    return 0
