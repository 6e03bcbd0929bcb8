"""Inside a process of its own: a file is loaded and its windows are asked when they open."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from daemon.config.reading.process import load
from daemon.windows.timeline import Timeline

QUESTIONS = 1000
YEAR = timedelta(days=365)


def main() -> None:
    """Load the file argv[1]; tell in JSON what it took, in seconds."""
    now = datetime.now(UTC)
    clock = time.perf_counter()
    settings = load(Path(sys.argv[1]), environ=os.environ)
    loaded = time.perf_counter()
    timeline = Timeline(settings.windows.values())
    timeline.next_change(now)
    first = time.perf_counter()
    answers = [_seconds(timeline, now + timedelta(seconds=n)) for n in range(QUESTIONS)]
    asked = time.perf_counter()
    found = timeline.openings(now, now + YEAR)
    told = {
        "load": loaded - clock,
        "first": first - loaded,
        "next": median(answers),
        "year": time.perf_counter() - asked,
        "openings": len(found),
    }
    sys.stdout.write(json.dumps(told))


def _seconds(timeline: Timeline, now: datetime) -> float:
    clock = time.perf_counter()
    timeline.next_change(now)
    return time.perf_counter() - clock


if __name__ == "__main__":
    main()
