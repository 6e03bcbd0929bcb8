"""Inside a process of its own: a year of openings beside many dates that are excluded."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.config.reading.process import load

ROUNDS = 20


def main() -> None:
    """Load the file argv[1]; tell in JSON how many seconds an opening of its first window takes."""
    settings = load(Path(sys.argv[1]), environ=os.environ)
    window, now = next(iter(settings.windows.values())), datetime.now(UTC)
    clock = time.perf_counter()
    found = [window.openings(now, now + timedelta(days=365)) for _ in range(ROUNDS)]
    took = time.perf_counter() - clock
    sys.stdout.write(json.dumps({"opening": took / sum(map(len, found))}))


if __name__ == "__main__":
    main()
