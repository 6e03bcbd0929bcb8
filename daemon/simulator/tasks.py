"""Tasks and the backups that they make: what a run is, and what has become of it at its end.

A backup is named after its instant; the first is FULL, later ones INCR, and a merge takes the place
of those that it merged (vendor's own suites: couchbaselabs/examinador, couchbase/testrunner).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.simulator.refusals import Json

ZERO_TIME = "0001-01-01T00:00:00Z"
NODE = "5f0c1a5e7f8e4d3b9a2c6d1e0f9b8a7c"
CLUSTER = "a7ec688d232620b2a9ea8c28ca68fd9a"

_RUN = (
    "task_name", "status", "start", "end", "node_runs", "error", "error_code", "type",
    "target_cluster", "backup",
)  # fmt: skip
_NODE_RUN = ("node_id", "status", "start", "end", "progress", "stats", "error", "error_code")
_OVERHEAD = 6
_INCREMENT = 500
"""An incremental backup holds one part in so many of the data."""


class TaskError(Exception):
    """Raised when a task fails, or has nothing to do."""

    def __init__(self, status: str, text: str) -> None:
        """Keep the status of the run and what its error says."""
        super().__init__(text)
        self.status = status


def shown_run(run: Json) -> Json:
    """Return a run as the API shows it."""
    shown = {key: run[key] for key in _RUN if key in run}
    nodes: list[Json] = run["node_runs"]
    return shown | {"node_runs": [{k: node[k] for k in _NODE_RUN if k in node} for node in nodes]}


def shown_runs(runs: Iterable[Json]) -> Json | None:
    """Return runs by their names, sorted; None if there are none."""
    found = {run["task_name"]: shown_run(run) for run in runs}
    return {name: found[name] for name in sorted(found)} or None


def shown_backup(backup: Json) -> Json:
    """Return a backup as the API shows it."""
    return {key: value for key, value in backup.items() if key != "expires"}


def text(instant: datetime) -> str:
    """Return an instant as Go writes it: RFC 3339 with as many decimals as it needs."""
    written = instant.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    return written.rstrip("0").removesuffix(".") + "Z"


def instant(written: str) -> datetime:
    """Parse what `text` writes."""
    return datetime.fromisoformat(written)


def started(name: str, kind: str, start: datetime, length: timedelta, options: Json) -> Json:
    """Return a run that began at *start*; *options* are those of its plan or of the request."""
    run: Json = {
        "task_name": name,
        "status": "running",
        "start": text(start),
        "end": ZERO_TIME,
        "node_runs": [
            {
                "node_id": NODE,
                "status": "running",
                "start": text(start),
                "end": ZERO_TIME,
                "progress": 0,
                "error_code": 0,
            }
        ],
        "error_code": 0,
        "type": kind,
    }
    if "target" in options:
        run["target_cluster"] = options["target"]
    return run | {
        "one_off": options.get("one_off", False),
        "until": text(start + length),
        "options": {key: value for key, value in options.items() if key != "password"},
    }


def finish(run: Json, backups: list[Json], buckets: Iterable[Json], retention: int) -> None:
    """End a run, and do to the backups what its task does."""
    try:
        done = _do(run, backups, list(buckets), instant(run["until"]), retention)
    except TaskError as exc:
        end(run, exc.status, str(exc))
        return
    end(run, "done")
    for node in run["node_runs"]:
        node["stats"] = _stats(run, done)


def fail(run: Json, now: datetime, error: str) -> None:
    """End a run before its time."""
    run["until"] = text(now)
    end(run, "failed", error)


def _stats(run: Json, done: list[tuple[str, str]]) -> Json:
    times = {
        "started_at": _nanoseconds(instant(run["start"])),
        "finished_at": _nanoseconds(instant(run["until"])),
        "users": {},
        "complete": True,
    }
    reached = {"progress": 100, "eta": run["until"]}
    return {
        "id": str(uuid.uuid4()),
        "current_transfer": len(done),
        "total_transfers": len(done),
        "transfers": [
            {"description": description, "backup": name, "stats": times, **reached}
            for description, name in done
        ],
        **reached,
    }


def end(run: Json, status: str, error: str = "", code: int = 1) -> None:
    """End a run; *code* is that of its error if it has failed."""
    failed = code if status == "failed" else 0
    outcome = {"status": status, "end": run["until"], "error_code": failed}
    outcome |= {"error": error} if error else {}
    run.update(outcome)
    for node in run["node_runs"]:
        node.update(outcome, progress=100 if status == "done" else 0)


def _do(
    run: Json, backups: list[Json], buckets: list[Json], end: datetime, retention: int
) -> list[tuple[str, str]]:
    options: Json = run.get("options", {})
    match run["type"]:
        case "BACKUP":
            full = bool(options.get("full_backup")) or not backups
            made = _backup(backups, buckets, end, full=full)
            retain(made, retention)
            run["backup"] = made["date"]
            return [(f"Backing up to {made['date']}", made["date"])]
        case "MERGE":
            merged = _merge(backups, options, end)
            run["backup"] = merged["date"]
            names: list[str] = merged["range"]
            return _each("Merging backup", names)
        case "PRUNE":
            gone = expired(backups, end)
            backups[:] = [each for each in backups if each["date"] not in gone]
            return _each("Deleting backup", gone)
        case _:
            if options.get("denied"):
                raise TaskError("failed", "the target cluster knows no such user or password")
            if not backups:
                raise TaskError("failed", "the repository has no backups")
            return _each("Restoring backup", selected(backups, options, end))


def _each(what: str, names: list[str]) -> list[tuple[str, str]]:
    count = len(names)
    return [(f"({place}/{count}) {what} {name}", name) for place, name in enumerate(names, 1)]


def _backup(backups: list[Json], buckets: list[Json], at: datetime, *, full: bool) -> Json:
    taken = {each["date"] for each in backups}
    while _name(at) in taken:
        at += timedelta(microseconds=1)
    shown = [_bucket(each, 1 if full else _INCREMENT) for each in buckets]
    made: Json = {
        "date": _name(at),
        "type": "FULL" if full else "INCR",
        "source": "http://127.0.0.1:8091",
        "events": 0,
        "fts_alias": 0,
        "size": sum(each["size"] for each in shown) + _OVERHEAD,
        "buckets": shown,
        "complete": True,
        "source_cluster_uuid": CLUSTER,
    }
    backups.append(made)
    return made


def _bucket(bucket: Json, part: int) -> Json:
    items = bucket["items"] // part
    counts = dict.fromkeys(("views_count", "fts_count", "index_count", "analytics_count"), 0)
    collection = {"id": 0, "name": "_default", "mutations": items, "tombstones": 0}
    scope: Json = {
        "uid": 0,
        "name": "_default",
        "mutations": items,
        "tombstones": 0,
        "collections": {"0": collection},
    }
    return {
        "name": bucket["name"],
        "size": bucket["size"] // part,
        "items": items,
        "mutations": items,
        "tombstones": 0,
        **counts,
        "scopes": {"0": scope},
    }


def _merge(backups: list[Json], options: Json, at: datetime) -> Json:
    chosen = [each for each in backups if each["date"] in selected(backups, options, at)]
    if len(chosen) < 2:  # noqa: PLR2004 - one backup is merged already
        raise TaskError("skipped", "there are not enough backups to merge")
    is_full = chosen[0]["type"].endswith("FULL")
    merged = chosen[-1] | {
        "type": "MERGE - FULL" if is_full else "MERGE - INCR",
        "source": "Merge",
        "size": max(each["size"] for each in chosen),
        "buckets": chosen[0]["buckets"] if is_full else chosen[-1]["buckets"],
    }
    head = {key: merged.pop(key) for key in ("date", "type", "source")}
    merged.pop("range", None)
    names = [name for each in chosen for name in each.get("range", [each["date"]])]
    place = backups.index(chosen[0])
    backups[place : place + len(chosen)] = [head | {"range": names} | merged]
    return backups[place]


def selected(backups: list[Json], options: Json, at: datetime) -> list[str]:
    """Return the names from `start` to `end`, or of the days of two offsets, or all.

    `offset_start` days ago is the newest day, `offset_end` the number of days before that one: so
    the vendor's own test of merges counts (couchbase/testrunner, `test_merge_options`), which
    `0` and `2` in the documentation do not contradict.

    Raises:
        TaskError: there is no such backup.

    """
    names = [each["date"] for each in backups]
    if "offset_start" in options or "offset_end" in options:
        newest = options.get("offset_start", 0)
        days = range(newest, newest + options.get("offset_end", 0) + 1)
        return [name for name in names if (at.date() - _made(name).date()).days in days]
    for key in ("start", "end"):
        if options.get(key) and options[key] not in names:
            raise TaskError("failed", f"invalid {key} point '{options[key]}', no such backup")
    first = names.index(options["start"]) if options.get("start") else 0
    last = names.index(options["end"]) + 1 if options.get("end") else len(names)
    return names[first:last]


def retain(backup: Json, days: int) -> None:
    """Keep a backup for so many days after it was made; with 0 for ever."""
    backup.pop("expires", None)
    if days:
        backup["expires"] = text(_made(backup["date"]) + timedelta(days=days))


def expired(backups: list[Json], now: datetime) -> list[str]:
    """Return the names of the backups whose time is over and that no later one builds on."""
    over = _over(backups, now)
    return [name for name in over if name not in _needed(backups, over)]


def expired_but_needed(backups: list[Json], now: datetime) -> list[str]:
    """Return the names of the backups whose time is over, but that a later one builds on."""
    over = _over(backups, now)
    return [name for name in over if name in _needed(backups, over)]


def _over(backups: list[Json], now: datetime) -> list[str]:
    return [
        each["date"] for each in backups if "expires" in each and instant(each["expires"]) <= now
    ]


def _needed(backups: list[Json], over: list[str]) -> set[str]:
    needed: set[str] = set()
    chain: list[str] = []
    for each in backups:
        if each["type"].endswith("FULL"):
            chain = []
        if each["date"] not in over:
            needed.update(chain)
        chain.append(each["date"])
    return needed


def _name(at: datetime) -> str:
    return text(at).replace(":", "_")


def _made(name: str) -> datetime:
    return datetime.fromisoformat(name.replace("_", ":"))


def _nanoseconds(at: datetime) -> int:
    since: Any = at - datetime(1970, 1, 1, tzinfo=UTC)
    return int(since / timedelta(microseconds=1)) * 1000
