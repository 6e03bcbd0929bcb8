"""The soak: many clusters that misbehave, a host that is not kind, people, and one daemon.

    python -m tests.bench.soak --minutes 10 --seed 1
    python -m tests.bench.soak --minutes 10 --seed 1 --members 3

With several members they share a PostgreSQL behind a pgbouncer, which are not kind either.
Everything on loopback and in a folder of its own. In the end the world is healed, and the promises
are checked from two histories: what the services carried out and what the daemons recorded.
Prints one JSON document; exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import secrets
import sys
import tempfile
from pathlib import Path

from tests.bench.soak.shared import SharedSoak
from tests.bench.soak.soak import LoneSoak
from tests.host import pooler, postgres

END_WITHIN_S = 240.0
"""How long after the end of all faults the soak may go on before it counts as stuck."""


def main() -> int:
    """Run, print what happened, and tell whether a promise was broken."""
    args = _arguments()
    sys.stderr.write(f"seed {args.seed}\n")
    faulthandler.dump_traceback_later(args.minutes * 60 + END_WITHIN_S, exit=True)
    kind = LoneSoak if args.members == 1 else SharedSoak
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        report = kind(args, Path(name)).run()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["violations"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--members", type=int, default=1, help="daemons; several share a database")
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--repositories", type=int, default=4)
    parser.add_argument("--evil", type=float, default=0.05, help="share of requests that meet one")
    args = parser.parse_args()
    if args.members < 1:
        parser.error("there is no soak without a daemon")
    if args.members > 1 and (missing := postgres.unavailable() or pooler.unavailable()):
        parser.error(missing)
    return args


if __name__ == "__main__":
    sys.exit(main())
