"""Measurements of the daemon beside what people would use instead, in one run.

    python -m tests.bench [--quick] [--json FILE] [NAME…]

Everything on loopback and in folders of its own. Prints one table, the worst ratio first. Whether
goals are met is for people to judge; exit code 1 says that something could not be measured.
"""

from __future__ import annotations

import argparse
import compileall
import json
import platform
import resource
import sys
import time
from pathlib import Path
from subprocess import SubprocessError

from tests.bench.measures import Row, table
from tests.bench.registry import BENCHMARKS, BY_NAME_ALONE
from tests.bench.site import ROOT


def main() -> int:
    """Run the benchmarks that were named, or all that need no name, and print what they found."""
    args = _arguments()
    _prepare()
    rows: list[Row] = []
    is_whole = True
    for name in args.names or [each for each in BENCHMARKS if each not in BY_NAME_ALONE]:
        started = time.monotonic()
        try:
            rows += BENCHMARKS[name](quick=args.quick)
        except (AssertionError, OSError, RuntimeError, SubprocessError) as exc:
            # One that fails after an hour shall not take the others' figures with it.
            is_whole = False
            sys.stderr.write(f"{name}: not measured: {exc}\n")
        sys.stderr.write(f"{name}: {time.monotonic() - started:.0f} s\n")
    sys.stdout.write(table(rows))
    if args.json:
        found = {"python": platform.python_version(), "rows": [row.document() for row in rows]}
        args.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0 if is_whole else 1


def _prepare() -> None:
    """Have compiled modules, as an installed package has, and as many open files as may be."""
    compileall.compile_dir(ROOT / "daemon", quiet=1)
    # For the daemons and servers as well: each of thousands of clusters is a port, and connections.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {name:<16}{each.__doc__}" for name, each in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"Measure the daemon beside what people would use instead.\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHMARKS, []])
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter times")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
