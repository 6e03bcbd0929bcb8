"""What the package itself costs, measured inside processes of its own: planning and log lines."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from tests.bench import goals
from tests.bench.fillers import CALENDAR, calendar, fillers, mixed
from tests.bench.measures import Row, interleaved, ratio_of, within
from tests.bench.site import ROOT, Site

_SIZES = (1000, 10_000)
_GOALS = {
    "load": ("load and check {:,} windows", (goals.LOAD_1000, goals.LOAD_10000)),
    "next": (
        "next change of {:,} windows, once loaded",
        (goals.NEXT_CHANGE_OF_1000, goals.NEXT_CHANGE_OF_10000),
    ),
}


_REPOSITORIES = 10_000
_QUESTIONS = {
    "next_change": ("the longest next_change of {:,} mixed windows", goals.QUESTION),
    "covering": ("the longest covering of {:,} mixed windows", goals.STEP),
    "desired": ("the longest desired of {:,} mixed windows, 10,000 repositories", goals.QUESTION),
    "step": ("the longest step of desired, {:,} mixed windows", goals.STEP),
}


def planning(*, quick: bool) -> list[Row]:
    """Load 1,000 and 10,000 windows, ask for the next change and for a year of openings."""
    rounds = 1 if quick else 3
    samples: dict[int, list[dict[str, float]]] = {size: [] for size in _SIZES}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        site = Site(Path(name), {"c0": "http://127.0.0.1:1"})
        for _ in range(rounds):
            for size in _SIZES:
                site.write(fillers(size))
                samples[size].append(_probe("planning", site.config))
    rows = []
    for measured, (what, limits) in _GOALS.items():
        for size, goal in zip(_SIZES, limits, strict=True):
            found = [sample[measured] for sample in samples[size]]
            rows.append(within(what.format(size), median(found) * 1000, goal, found))
    return rows + [_linear(samples, measured) for measured in ("load", "first", "year")]


def _linear(samples: dict[int, list[dict[str, float]]], measured: str) -> Row:
    """Compare what a window costs among many and among few; 1 is linear."""
    what = {
        "load": "load",
        "first": "first look after a load",
        "year": "a year of openings",
        "decade": "ten years of openings",
    }
    few, many = ([sample[measured] / size for sample in samples[size]] for size in _SIZES)
    ours, theirs = (f"{median(each) * 1e6:.0f} us" for each in (many, few))
    return Row(
        f"{what[measured]}: cost of a window among 10,000",
        ours,
        f"among 1,000: {theirs}",
        ratio_of(many, few),
        goals.WINDOW_AMONG_MANY.most,
        {"ours": many, "theirs": few},
    )


def questions(*, quick: bool) -> list[Row]:
    """Ask 1,000 and 10,000 mixed windows for what the daemon asks, now and in ten years."""
    samples: dict[int, list[dict[str, float]]] = {size: [] for size in _SIZES}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        site = Site(Path(name), {"c0": "http://127.0.0.1:1"})
        (Path(name) / CALENDAR).write_text(calendar(1_000))
        for _ in range(1 if quick else 3):
            for size in _SIZES:
                site.write(mixed(size, '{c0: [r$index, "r$index-*"]}'))
                samples[size].append(_probe("questions", site.config, str(_REPOSITORIES)))
    rows = []
    for size in _SIZES:
        for measured, (what, goal) in _QUESTIONS.items():
            found = [sample[measured] for sample in samples[size]]
            rows.append(within(what.format(size), median(found) * 1000, goal, found))
    return rows + [_linear(samples, measured) for measured in ("year", "decade")]


def excluded_dates(*, quick: bool) -> list[Row]:
    """Exclude 10,000 dates by a window's own list, and by a named one."""
    days = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=2 * n) for n in range(10_000)]
    dates = f"[{', '.join(f'{day:%Y-%m-%d}' for day in days)}]"
    window = "  w:\n    weekly: {days: daily, start: 02:00, end: 04:00}\n    exclude: %s\n"
    window += '    repositories: {c0: ["*"]}'
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        site = Site(Path(name), {"c0": "http://127.0.0.1:1"})

        def measure(excluded: str, named: str = "") -> float:
            site.write([window % excluded, named])
            return _probe("excluded", site.config)["opening"]

        found = interleaved(
            2 if quick else 5,
            {
                "own": lambda: measure(dates),
                "named": lambda: measure("[off]", f"exclusions: {{off: {dates}}}"),
            },
        )
    ours, theirs = (f"{median(found[each]) * 1e6:.0f} us" for each in ("own", "named"))
    return [
        Row(
            "an opening beside 10,000 excluded dates of its window's own",
            ours,
            f"the same dates, named: {theirs}",
            ratio_of(found["own"], found["named"]),
            goals.OWN_EXCLUDED_DATES.most,
            {"ours": found["own"], "theirs": found["named"]},
        )
    ]


def log_lines(*, quick: bool) -> list[Row]:
    """Write 10,000 outcome lines to the log."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        file = Path(name) / "lines.log"
        samples = [_probe("log_lines", file) for _ in range(1 if quick else 5)]
    ours, theirs = ([sample[of] for sample in samples] for of in ("ours", "logging"))
    what = "a line of the log, on the calling thread"
    us = median(ours) * 1e6
    against = f"logging, QueueHandler, JSON: {median(theirs) * 1e6:.1f} us"
    peer = Row(what, f"{us:.1f} us", against, ratio_of(ours, theirs))
    return [within(what, us, goals.LOG_LINE, ours), peer]


def _probe(name: str, file: Path, *more: str) -> dict[str, float]:
    command = [sys.executable, "-m", f"tests.bench.probes.{name}", str(file), *more]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
