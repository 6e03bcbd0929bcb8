"""The service's state and what its calls do to it. Time enters through `now`; no sockets here.

Facts: a paused repository stays under `active`, without the key `scheduled`; the change shows some
time after the 200; runs that fall due meanwhile are skipped; running tasks go on, and one-off
backups are accepted (vendor's own suites: couchbaselabs/examinador, couchbase/testrunner).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from daemon.simulator import archives, plans, tasks
from daemon.simulator.events import Events
from daemon.simulator.refusals import Json, Refusal

ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,49}$")
HISTORY = range(5, 201)
STATES = ("active", "archived", "imported")

_RUNS_A_MIB = 20
"""The history is bounded by its size: so many runs are taken for a MiB."""
_MOST_MISSED = 100
"""So many slots, the latest, are caught up at once where nobody looked for long."""
_SAMPLES = {"beer-sample": 7303, "default": 1000, "gamesim-sample": 586, "travel-sample": 31592}
_ITEM = 753


@dataclass
class Repository:
    """One repository; times are RFC 3339 text, because that is how it is kept and shown."""

    id: str
    plan: str
    archive: str
    created: str
    updated: str
    state: str = "active"
    repo: str = field(default_factory=lambda: str(uuid.uuid4()))
    bucket: Json | None = None
    pending: tuple[str, str] | None = None
    runs: list[Json] = field(default_factory=list)
    ticked: str = ""
    cloud: Json | None = None
    has_folder: bool = False
    retention: int = 0

    @property
    def trouble(self) -> str:
        """Why no task can use its archive; empty if one can."""
        return archives.trouble(self.archive, self.repo) if self.has_folder else ""


@dataclass
class Model:
    """Everything that the service knows; not thread-safe."""

    now: Callable[[], datetime]
    effect_delay: timedelta = timedelta(0)
    task_length: timedelta = timedelta(seconds=1)
    state_file: Path | None = None
    is_led: bool = True
    repositories: dict[str, dict[str, Repository]] = field(
        default_factory=lambda: {state: {} for state in STATES}
    )
    backups: dict[str, list[Json]] = field(default_factory=dict)
    plans: dict[str, Json] = field(default_factory=lambda: dict(plans.BUILT_IN))
    config: Json = field(default_factory=lambda: {"history_rotation_size": 50})
    threads: Json | None = None
    buckets: dict[str, Json] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    is_changed: bool = False

    def seed(self, ids: Iterable[str]) -> None:
        """Create these repositories, or load the state file if there is one."""
        for name, items in _SAMPLES.items():
            self.add_bucket(name, items)
        if self.state_file and self.state_file.exists():
            try:
                self._load(json.loads(self.state_file.read_text()))
                self.catch_up()
            except (AttributeError, LookupError, TypeError, ValueError) as exc:
                raise ValueError(f"{self.state_file} is no state of a simulator") from exc
            return
        for id_ in ids:
            now = tasks.text(self.now())
            made = Repository(id_, "_daily_backups", f"/archives/{id_}", now, now, ticked=now)
            self.repositories["active"][id_] = made
        self.save()

    def add_bucket(self, name: str, items: int = 0) -> None:
        """Create a bucket."""
        found = {"name": name, "uuid": uuid.uuid4().hex, "items": items, "size": items * _ITEM}
        self.buckets[name] = found

    # Repositories

    def find(self, state: str, id_: str, text: str = "no repositories found") -> Repository:
        """Find a repository, or refuse with the service's words for this call."""
        found = self.repositories[state].get(id_)
        if found is None:
            raise Refusal(404, text)
        self._tick(found)
        return found

    def find_active(self, id_: str) -> Repository:
        """Find an active or paused repository that a call is to change."""
        return self.find("active", id_, f"could not find repository with id: {id_}")

    def set_state(self, id_: str, state: str) -> None:
        """Pause or resume; both are idempotent, and show after the effect delay."""
        found = self.find_active(id_)
        found.pending = (state, tasks.text(self.now() + self.effect_delay))
        self._event(6161 if state == "paused" else 6162, id_)
        self.touch(found)

    def touch(self, repository: Repository) -> None:
        """Keep that a repository has changed."""
        repository.updated = tasks.text(self.now())
        self._tick(repository)
        self.save()

    def create(self, id_: str, body: Json) -> None:
        """Create an active repository, and its folder where the archive's parent exists."""
        plan, archive, name = body["plan"], body["archive"], body.get("bucket_name")
        cloud = archives.cloud(archive, body)
        if plan not in self.plans:
            raise Refusal(404, "requested plan not found")
        now = tasks.text(self.now())
        bucket = {key: self.buckets[name][key] for key in ("name", "uuid")} if name else None
        made = Repository(id_, plan, archive, now, now, bucket=bucket, ticked=now, cloud=cloud)
        archives.check(archive, is_new=True)
        made.has_folder = self.is_led and archives.prepare(archive, made.repo)
        made.retention = body.get("default_retention", 0)
        self.repositories["active"][id_] = made
        for task in self._tasks(made):
            if task["schedule"].get("start_now"):
                self._start(made, task["name"], task["task_type"], self.now(), plans.options(task))
        self._event(6157, id_)
        self.save()

    def check_id(self, id_: str, state: str) -> None:
        """Refuse an id that breaks the rule or that somebody has in this state."""
        if not ID.fullmatch(id_):
            raise Refusal(400, f"repository id must follow the rules {ID.pattern}")
        if id_ in self.repositories[state]:
            raise Refusal(400, f"repository with id `{id_}` already exists")

    def archive(self, id_: str, new_id: str) -> None:
        """Move an active repository to the archived ones, under a new id."""
        found = self.find("active", id_, f"could not find active repository with id:{id_}")
        self.check_id(new_id, "archived")
        del self.repositories["active"][id_]
        found.id, found.state, found.pending = new_id, "archived", None
        self.repositories["archived"][new_id] = found
        self._event(6159, id_)
        self.touch(found)

    def import_(self, body: Json) -> None:
        """Import a repository that exists already, read-only."""
        id_, archive, repo = (body.get(key, "") for key in ("id", "archive", "repo"))
        if not archive or not repo:
            raise Refusal(400, "both archive and repository are required")
        self.check_id(id_, "imported")
        cloud = archives.cloud(archive, body)
        archives.check(archive, is_new=False)
        now = tasks.text(self.now())
        made = Repository(id_, "", archive, now, now, "imported", repo, cloud=cloud)
        self.repositories["imported"][id_] = made
        self._event(6160, id_)
        self.save()

    def delete(self, state: str, id_: str, *, with_data: bool = False) -> None:
        """Delete an archived or imported repository; an active one is refused."""
        if state == "active":
            raise Refusal(400, "cannot delete active repositories")
        found = self.find(state, id_)
        del self.repositories[state][id_]
        if with_data and self.is_led:
            self.backups.pop(found.repo, None)
            archives.remove(found.archive, found.repo)
        self._event(6158, id_)
        self.save()

    def change_plan(self, id_: str, plan: str) -> None:
        """Change the plan of an active repository."""
        found = self.find_active(id_)
        if plan not in self.plans:
            raise Refusal(404, "requested plan not found")
        found.plan = plan
        self.touch(found)

    def show(self, repository: Repository) -> Json:
        """Return a repository as the service does: keys that do not apply are absent."""
        self._tick(repository)
        running = [run for run in repository.runs if run["status"] == "running"]
        shown: Json = {
            "id": repository.id,
            "plan_name": repository.plan,
            "bucket": repository.bucket,
            "state": repository.state,
            "archive": repository.archive,
            "repo": repository.repo,
            "scheduled": self._scheduled(repository),
            "running_tasks": tasks.shown_runs(run for run in running if not run["one_off"]),
            "running_one_off": tasks.shown_runs(run for run in running if run["one_off"]),
            "version": 1,
            "health": self._health(repository),
            "creation_time": repository.created,
            "update_time": repository.updated,
            "cloud_info": repository.cloud,
        }
        return {key: value for key, value in shown.items() if value is not None}

    def _health(self, repository: Repository) -> Json | None:
        if repository.state == "imported":
            return None
        fault = self._bucket_fault(repository, quote="`")
        if not fault:
            return {"healthy": True}
        return {"healthy": False, "health_issue": f"cannot verify bucket exists: {fault}"}

    def _bucket_fault(self, repository: Repository, quote: str = "") -> str:
        if repository.bucket is None:
            return ""
        now = self.buckets.get(repository.bucket["name"])
        if now is None:
            return "element not found"
        old, new = repository.bucket["uuid"], now["uuid"]
        fault = f"bucket UUIDs don't match {quote}{old}{quote} != {quote}{new}{quote}"
        return fault if old != new else ""

    # Tasks

    def start_task(self, state: str, id_: str, kind: str, options: Json) -> str:
        """Start a one-off task, paused or not; return its name."""
        found = self.find(state, id_, f"repository `{id_}` does not exist")
        if kind == "BACKUP" and (fault := self._bucket_fault(found)):
            name = found.bucket["name"] if found.bucket else ""
            extras = f"failed bucket check for bucket '{name}': {fault}"
            raise Refusal(500, "Could not send task", extras)
        if kind == "MERGE" and found.cloud:
            raise Refusal(500, "Could not send task", archives.NO_MERGES)
        name = f"{kind}-{uuid.uuid4()}"
        self._start(found, name, kind, self.now(), options | {"one_off": True})
        self.save()
        return name

    def stop_task(self, state: str, id_: str, name: str) -> None:
        """End a running task of a repository, which has then failed."""
        found = self.find(state, id_)
        for run in found.runs:
            if run["task_name"] == name and run["status"] == "running":
                tasks.fail(run, self.now(), "task was cancelled")
                self.events.record_task(run, id_)
                self.save()
                return
        raise Refusal(404, "requested task not found")

    def catch_up(self) -> None:
        """Apply what is due by now to every repository."""
        for found in self.repositories.values():
            for repository in found.values():
                self._tick(repository)

    def _tick(self, repository: Repository) -> None:
        """Apply all that is due by now: a pending change, runs that start, tasks that end."""
        now = self.now()
        if repository.pending and tasks.instant(repository.pending[1]) <= now:
            repository.state, repository.pending = repository.pending[0], None
            self.is_changed = True
        if repository.state == "active" and self.is_led:
            self._run_slots(repository, now)
        for run in reversed(repository.runs):
            if run["status"] == "running" and tasks.instant(run["until"]) <= now:
                self._finish(repository, run)
        repository.ticked = tasks.text(now)
        del repository.runs[self.config["history_rotation_size"] * _RUNS_A_MIB :]

    def _finish(self, repository: Repository, run: Json) -> None:
        only = repository.bucket["name"] if repository.bucket else None
        buckets = [each for name, each in self.buckets.items() if only in {None, name}]
        kept = self.backups.setdefault(repository.repo, [])
        if why := run.get("trouble") or repository.trouble:
            tasks.end(run, "failed", why, archives.UNUSABLE)
        elif repository.cloud and run["type"] == "MERGE":
            tasks.end(run, "skipped", archives.NO_MERGES)
        else:
            tasks.finish(run, kept, buckets, repository.retention)
        self.is_changed = True
        self.events.record_task(run, repository.id)

    def _run_slots(self, repository: Repository, now: datetime) -> None:
        anchor, since = tasks.instant(repository.created), tasks.instant(repository.ticked)
        due = [
            (slot, task)
            for task in self._tasks(repository)
            for slot in plans.slots(task, anchor, (since, now), _MOST_MISSED)
        ]
        for slot, task in sorted(due, key=lambda each: each[0])[-_MOST_MISSED:]:
            self._start(repository, task["name"], task["task_type"], slot, plans.options(task))

    def _start(
        self, repository: Repository, name: str, kind: str, at: datetime, options: Json
    ) -> None:
        run = tasks.started(name, kind, at, self.task_length, options)
        run["trouble"] = repository.trouble
        repository.runs.insert(0, run)
        self.is_changed = True
        self.events.record_task(run, repository.id)

    def _scheduled(self, repository: Repository) -> Json | None:
        if repository.state != "active":
            return None
        anchor, now = tasks.instant(repository.created), self.now()
        return {
            task["name"]: {
                "name": task["name"],
                "task_type": task["task_type"],
                "next_run": tasks.text(plans.next_run(task, anchor, now).replace(microsecond=0)),
            }
            for task in sorted(self._tasks(repository), key=lambda task: str(task["name"]))
        }

    def _tasks(self, repository: Repository) -> list[Json]:
        return list(self.plans.get(repository.plan, {}).get("tasks", ()))

    # Plans

    def save_plan(self, name: str, body: Json, *, is_new: bool) -> None:
        """Create or replace a plan."""
        try:
            plan = plans.made(name, body)
        except ValueError as exc:
            raise Refusal(400, "invalid plan", str(exc)) from exc
        if is_new and name in self.plans:
            raise Refusal(400, f"plan `{name}` already exists")
        if not is_new and name not in self.plans:
            raise Refusal(404, "requested plan not found")
        for used in self.repositories["active"].values():
            if used.plan == name:
                # What was due until now was due by the plan as it was.
                self._tick(used)
        self.plans[name] = plan
        self._event(6145 if is_new else 6146, name)
        self.save()

    def delete_plan(self, name: str) -> None:
        """Delete a plan that nothing uses."""
        if name not in self.plans:
            raise Refusal(404, "requested plan not found")
        if name in plans.BUILT_IN:
            raise Refusal(400, f"plan `{name}` is a default plan and cannot be deleted")
        for used in self.repositories["active"].values():
            if used.plan == name:
                why = f"cannot update plan as it is in use by repository: {used.id}"
                raise Refusal(400, why)
        del self.plans[name]
        self._event(6147, name)
        self.save()

    # What is kept

    def _event(self, number: int, name: str) -> None:
        self.events.record(number, name, tasks.text(self.now()))

    def save(self) -> None:
        """Replace the state file as a whole, if there is one."""
        if self.state_file is None:
            return
        self.catch_up()
        repositories = {
            state: [asdict(repository) for repository in found.values()]
            for state, found in self.repositories.items()
        }
        kept = {"repositories": repositories} | {name: getattr(self, name) for name in _KEPT}
        draft = self.state_file.with_name(f"{self.state_file.name}.draft")
        draft.write_text(json.dumps(kept))
        draft.replace(self.state_file)
        self.is_changed = False

    def _load(self, kept: Json) -> None:
        now = self.now()
        for state, found in kept["repositories"].items():
            for values in found:
                made = Repository(**values)
                # What was due while no service ran is lost.
                made.ticked = tasks.text(max(now, tasks.instant(made.ticked or made.updated)))
                self.repositories[state][made.id] = made
        for name in _KEPT & kept.keys():
            setattr(self, name, kept[name])
        self.plans = plans.BUILT_IN | self.plans


_KEPT = frozenset({"plans", "config", "threads", "buckets", "backups"})
