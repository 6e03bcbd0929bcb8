"""The log for people: what it leaves out, what it counts, and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.core.decide import Reason
from daemon.log import events
from daemon.log.events import Event, Level
from daemon.log.log import Log
from daemon.log.narration import Narrator
from daemon.log.render import LogFormat
from tests.unit.log.written_lines import NOON, written

BERLIN = ZoneInfo("Europe/Berlin")


def narrator(level: Level = Level.INFO) -> Narrator:
    """Return one without colours, in Berlin."""
    return Narrator(lambda text, _: text, level, lambda at: at.astimezone(BERLIN))


def entry(event: str, level: str = "info", at: datetime = NOON, **keys: Any) -> dict[str, Any]:
    """Return a line of the log before it is rendered."""
    return {"timestamp": at, "level": level, "event": event, **keys}


def paused(number: int, cluster: str = "prod", **more: Any) -> dict[str, Any]:
    """Return what is logged of a repository that was paused."""
    keys: dict[str, Any] = {"cluster": cluster, "repository": f"r{number}", "windows": ["nightly"]}
    return entry(events.REPOSITORY_PAUSED, **keys, after_ms=100 * number, **more)


def attempted(outcome: str, level: str, **more: Any) -> dict[str, Any]:
    """Return what is logged of a request."""
    keys: dict[str, Any] = {
        "cluster": "prod",
        "repository": None,
        "action": "list",
        "windows": [],
        "method": "GET",
        "url": "https://b1:18097/api",
        "attempt": 1,
        "status": 200,
        "outcome": outcome,
        "error": None,
        "message": "",
        "duration_ms": 12,
    }
    return entry(events.HTTP_ATTEMPTED, level, **keys | more)


def told(*entries: dict[str, Any], level: Level = Level.INFO) -> list[str]:
    """Return what is narrated of entries that came together."""
    telling = narrator(level)
    return [line for each in telling.fold(entries) for line in telling.line(each).splitlines()]


def test_times_are_local_and_a_day_is_named_once() -> None:
    """The first line of a day has its date and zone, the next ones only their time."""
    later, tomorrow = NOON + timedelta(seconds=2), NOON + timedelta(hours=12)

    lines = told(*(entry("x.y", at=at, a=1) for at in (NOON, later, tomorrow)))

    assert lines == [
        "2026-03-01 13:00:00 CET   x.y: a 1",
        "13:00:02   x.y: a 1",
        "2026-03-02 01:00:00 CET   x.y: a 1",
    ]


def test_an_instant_has_as_much_date_as_is_needed() -> None:
    """Of today there is the time, of this week the weekday, and of others the date."""
    ends = (NOON.replace(minute=30), NOON + timedelta(days=1), NOON + timedelta(days=30))
    opened = (
        entry(events.WINDOW_OPENED, window="w", start=NOON, end=end, repositories=3) for end in ends
    )

    lines = [line.partition("until ")[2] for line in told(*opened)]

    assert [line.partition(": ")[0] for line in lines] == [
        "13:30",
        "Mon 13:00",
        "2026-03-31 14:00",
    ]


def test_requests_are_told_where_they_fail() -> None:
    """One that went well is left out; what is sent again or was given up is not."""
    lines = told(
        attempted("ok", "info"),
        attempted("retry", "warning", status=None, error="refused", retry_in_ms=1500),
        attempted("retry", "warning", status=None, error="refused", retry_in_ms=2500),
        attempted("failed", "error", status=404, error="not_found", message="404 page not found"),
    )

    assert [line.partition(" ! ")[2] for line in lines] == [
        "list prod: refused in 12 ms; again in 1.5 s",
        "list prod: 404 not_found in 12 ms: 404 page not found",
    ]


def test_what_fails_again_and_again_is_told_now_and_then() -> None:
    """A cluster that is down has a line every five minutes, and one when it fails anew."""
    times = [NOON + timedelta(seconds=seconds) for seconds in range(0, 700, 20)]
    keys: dict[str, Any] = {"status": None, "error": "refused"}
    failing = [attempted("failed", "error", **keys) | {"timestamp": at} for at in times]
    telling = narrator()

    told_times = [each["timestamp"] for entry in failing for each in telling.fold([entry])]
    telling.fold([attempted("ok", "info")])
    anew = telling.fold([failing[-1]])

    assert told_times == [NOON, NOON + timedelta(minutes=5), NOON + timedelta(minutes=10)]
    assert len(anew) == 1


def test_debug_shows_every_request() -> None:
    """With `--log-level debug` those that went well have their line, with their address."""
    (line,) = told(attempted("ok", "info"), level=Level.DEBUG)

    assert line.endswith("list prod: 200 in 12 ms (GET https://b1:18097/api)")
    assert len(told(*[attempted("ok", "info", repository="r")] * 10, level=Level.DEBUG)) == 10


def test_many_alike_are_counted() -> None:
    """Of hundreds there is a number for each cluster; of up to three each is named."""
    many = [paused(number) for number in range(1, 301)]
    few = [paused(number, "test") for number in range(1, 4)]

    lines = [line.partition("   ")[2] for line in told(*many, *few)]

    assert lines == [
        "300 repositories of prod are paused (nightly) 30.0 s after the opening",
        *(f"test/r{n} is paused (nightly) 0.{n} s after the opening" for n in (1, 2, 3)),
    ]


def test_one_is_not_told_as_many() -> None:
    """A single cluster, window or repository is told in the singular, and none as none."""
    opened: dict[str, Any] = {"window": "night", "start": NOON, "end": NOON + timedelta(hours=1)}

    lines = told(
        entry(events.DAEMON_STARTED, version="1.0", clusters=1, windows=2),
        entry(events.WINDOW_OPENED, **opened, repositories=1),
        entry(events.DAEMON_STOPPED, holds=1),
        entry(events.DAEMON_STOPPED, holds=0),
    )

    assert [line.partition("   ")[2] for line in lines] == [
        "cbmaintd 1.0 started: 1 cluster, 2 windows",
        "window night is open until 14:00: 1 repository",
        "cbmaintd has stopped; 1 repository stays paused until it starts",
        "cbmaintd has stopped; it holds no repository",
    ]


@pytest.mark.parametrize(
    ("after_ms", "read"),
    [(99_949, "99.9 s"), (125_000, "2 min 5 s"), (31_825_600, "8 h 50 min")],
)
def test_a_long_delay_is_told_as_people_say_it(after_ms: int, read: str) -> None:
    """A daemon that starts in the middle of an opening is late by hours, not by seconds."""
    (line,) = told(paused(1) | {"after_ms": after_ms})

    assert line.endswith(f"is paused (nightly) {read} after the opening")


def test_many_clusters_are_counted() -> None:
    """Of hundreds of clusters with the same to say there is one line for each thing."""
    clusters = [f"c{number}" for number in range(300)]
    many = [paused(number, cluster) for cluster in clusters for number in range(5)]
    down = [
        entry(
            events.CLUSTER_UNREACHABLE, "error", cluster=cluster, error="refused", message=cluster
        )
        for cluster in clusters
    ]
    keys: dict[str, Any] = {"status": None, "error": "refused"}
    lists = [attempted("failed", "error", cluster=cluster, **keys) for cluster in clusters]

    lines = told(*many, *down, *lists)

    assert [line.partition(" CET ")[2] or line[9:] for line in lines] == [
        "  1500 repositories of 300 clusters are paused (nightly) 0.4 s after the opening",
        "! 300 clusters are not responding correctly (refused): "
        + ", ".join(clusters[:20])
        + " and 280 more",
        "! 300 times list on 300 clusters: refused",
    ]


def test_what_differs_is_not_counted_together() -> None:
    """Failures of other kinds, and other windows, are told apart."""
    failed = [
        entry(
            events.REPOSITORY_FAILED,
            "error",
            cluster="prod",
            repository=f"r{n}",
            windows=["w"],
            action="pause",
            error=error,
            next_attempt=None,
        )
        for error in ("timeout", "forbidden")
        for n in range(4)
    ]

    lines = [line.partition(" ! ")[2] for line in told(*failed)]

    assert lines == [
        f"4 repositories of prod: pause failed ({error}); not tried again by itself"
        for error in ("timeout", "forbidden")
    ]


@pytest.mark.parametrize("reason", Reason)
def test_why_many_are_left_alone_is_said_of_many(reason: Reason) -> None:
    """Every reason has words, which read well after one repository and after four."""
    left = [
        entry(events.REPOSITORY_LEFT, "info", cluster="prod", repository=f"r{n}", windows=["w"],
              reason=reason)
        for n in range(4)
    ]  # fmt: skip

    (line,) = told(*left)

    assert "4 repositories of prod are left alone: " in line
    why = line.partition("alone: ")[2]
    assert why != reason
    assert not {"it", "its"} & set(re.findall(r"\w+", why))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("extend", "me@here decided: extend w until 15:00: late"),
        ("close", "me@here decided: close w: late"),
        ("skip", "me@here decided: skip w of Mon 13:00: late"),
    ],
)
def test_a_decision_is_told_with_what_it_changes(change: str, said: str) -> None:
    """Of a skip the opening is named, of others how long it lasts now."""
    keys: dict[str, Any] = {
        "start": NOON + timedelta(days=1),
        "end": NOON + timedelta(hours=2),
        "change": change,
        "window": "w",
        "by": "me@here",
        "reason": "late",
    }

    (line,) = told(entry(events.WINDOW_CHANGED, **keys))

    assert line.endswith(said)


def test_faults_stand_below_each_other() -> None:
    """Of a file that was rejected each fault has a line of its own, indented."""
    first, *faults = told(
        entry(events.CONFIG_REJECTED, "error", path="s.yaml", faults=["s.yaml:1:1: a", "b\x1b[2J"])
    )

    assert "! s.yaml was rejected" in first
    assert faults == [f"{' ' * 10}s.yaml:1:1: a", f"{' ' * 10}b\\x1b[2J"]


@pytest.mark.parametrize("event", events.EVENTS)
def test_every_event_has_words(event: Event) -> None:
    """An event without any of its keys is told in one line, and so is one of many."""
    alone = told(entry(event))
    alike = told(*[entry(event, cluster="c", repository="r")] * 5)

    assert len(alone) <= 1
    assert 1 <= len(alike) <= 5 or event == events.HTTP_ATTEMPTED
    assert all(line.isprintable() for line in (*alone, *alike))


LONG: dict[str, Callable[[Log], None]] = {
    "text": lambda log: log.logger.error(
        events.CLUSTER_UNREACHABLE, cluster="c", message="x" * 10**6
    ),
    "list": lambda log: log.logger.error("x.y", deep=["x" * 100] * 10_000),
    "keys": lambda log: log.logger.error("x.y", **{f"k{n}": "v" * 100 for n in range(10_000)}),
    "faults": lambda log: log.logger.error(
        events.CONFIG_REJECTED, path="p", faults=["f" * 3_000] * 1_000
    ),
}


@pytest.mark.parametrize("act", LONG.values(), ids=LONG)
def test_it_is_bounded(act: Callable[[Log], None]) -> None:
    """However long a value is, what is told of it is at most 16 KiB."""
    text = written(act, log_format=LogFormat.CONSOLE)

    assert 0 < len(text.encode()) <= 16 * 1024


def test_a_secret_is_masked_and_times_stay_local() -> None:
    """What is masked is told without the secret, with its instants as people read them."""

    def act(log: Log) -> None:
        log.redact("hunter22")
        log.logger.error(
            events.CLUSTER_UNREACHABLE, cluster="c", error="tls", message="hunter22", since=NOON
        )

    text = written(act, log_format=LogFormat.CONSOLE)

    assert "hunter22" not in text
    assert "***" in text
    assert "T12:00:00" not in text


def test_what_cannot_be_told_is_counted_and_stops_nothing() -> None:
    """A value that has no text is a lost line; those before and after it are told."""

    class Odd:
        def __str__(self) -> str:
            raise ValueError

    def act(log: Log) -> None:
        log.logger.info("x.before")
        log.logger.info("x.odd", path=Path("/x"), value=Odd())
        log.logger.info("x.after")

    text = written(act, log_format=LogFormat.CONSOLE)

    assert "x.before" in text
    assert "x.after" in text
    assert "1 lines of this log could not be written" in text


def test_a_traceback_loses_no_line() -> None:
    """An entry of several lines counts as one that was written."""
    logs: list[Log] = []

    def act(log: Log) -> None:
        logs.append(log)
        log.logger.error("x.y", exc_info=ValueError("a\nb\nc"))

    written(act, log_format=LogFormat.CONSOLE)

    assert logs[0].lost == 0


def test_machines_get_every_line() -> None:
    """In JSON nothing is left out or counted together, whatever comes at once."""

    def act(log: Log) -> None:
        for number in range(50):
            log.logger.info(events.HTTP_ATTEMPTED, outcome="ok", number=number)

    text = written(act, level=Level.INFO)

    assert text.count("http.attempted") == 50


def test_a_zone_east_of_utc_is_that_of_the_machine() -> None:
    """By default the zone is that of the machine."""
    telling = Narrator(lambda text, _: text, Level.INFO)

    line = telling.line(entry("x.y"))

    assert line.startswith(f"{NOON.astimezone():%F %T}")
    assert NOON.tzinfo is UTC


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_in_words(reason: Reason) -> None:
    """Why a repository is left alone is told in a sentence, not by the word of the log."""
    keys: dict[str, Any] = {"cluster": "prod", "repository": "orders", "reason": reason}

    (line,) = told(entry(events.REPOSITORY_LEFT, windows=[], **keys))

    assert reason not in line
    assert "prod/orders is left alone: " in line
