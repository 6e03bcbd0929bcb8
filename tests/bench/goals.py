"""All goals in one place: the greatest value that is good enough, each beside what it is of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """What is measured may be *most* at most: a ratio to its peer or, with a *unit*, a value."""

    most: float
    unit: str = ""


# 1,000 repositories of ten clusters at 50 ms, to the last seen paused
THOUSAND_CURL_PARALLEL = Goal(1.5)
THOUSAND_POOL = Goal(0.6)
THOUSAND_XARGS = Goal(0.15)
THOUSAND_CURL_LOOP = Goal(0.02)

# 10,000 repositories at 5 ms, to the last seen paused
TEN_THOUSAND_CURL_PARALLEL = Goal(5)
TEN_THOUSAND_POOL = Goal(0.2)
TWO_THOUSAND_CLUSTERS = Goal(2)

FIVE_HUNDRED_CLUSTERS = Goal(1.4)
PROCESSOR_OF_A_REPOSITORY = Goal(0.35)
ONE_HANGS = Goal(1.1)

FIRST_POST_P50 = Goal(10, "ms")
FIRST_POST_P99 = Goal(50, "ms")
FIRST_POST_DURING_RELOAD = Goal(100, "ms")

DURABLE_ROWS_PER_FSYNC = 500
"""What the goal for fsyncs is computed from: it depends on what there was to write."""

LOAD_1000 = Goal(1000, "ms")
LOAD_10000 = Goal(10_000, "ms")
NEXT_CHANGE_OF_1000 = Goal(1, "ms")
NEXT_CHANGE_OF_10000 = Goal(10, "ms")
WINDOW_AMONG_MANY = Goal(1.2)
QUESTION = Goal(50, "ms")
STEP = Goal(5, "ms")
OWN_EXCLUDED_DATES = Goal(1.2)
LOG_LINE = Goal(30, "us")

FIRST_PASS = Goal(2.5)
CHECK = Goal(2)
VERSION = Goal(0.15, "s")

# One daemon on PostgreSQL, to the last of 20,000 repositories seen paused, beside one with a file
ONE_ON_POSTGRESQL = Goal(1.5)

# From daemon.started to the last of 2,000 clusters claimed and looked at, beside a loop that claims
# them one by one and does nothing else
CLAIMS_AND_LOOKS = Goal(3.4)

MEMORY = Goal(100, "MiB")
IDLE_100_CLUSTERS = Goal(0.2, "% of a core")
IDLE_2000_CLUSTERS = Goal(1.5, "% of a core")
IDLE_GROWTH_OF_MEMORY = Goal(1, "MiB")
IDLE_GROWTH_OF_DESCRIPTORS = Goal(1, "files")
IDLE_WRITTEN = Goal(0, "bytes")
IDLE_LEDGER_FILES_CHANGED = Goal(0, "files")
THREADS = Goal(12, "threads")

PAGE_OF_1 = Goal(50, "ms")
PAGE_OF_10000 = Goal(250, "ms")
PAGE_SIZE = Goal(300, "kB")
