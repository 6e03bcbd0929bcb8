"""The service's state and what its calls do to it. Time enters through `now`; no sockets here.

Facts: a paused repository stays under `active`, without the key `scheduled`; the change shows some
time after the 200; runs that fall due meanwhile are skipped; running tasks go on, and one-off
backups are accepted (vendor's own suites: couchbaselabs/examinador, couchbase/testrunner).
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from daemon.simulator import plans

ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,49}$")
ZERO_TIME = "0001-01-01T00:00:00Z"
HISTORY = (5, 200)
STATES = ("active", "archived", "imported")

Json = dict[str, Any]


class Refusal(Exception):  # noqa: N818  # an answer of the service, not a fault of ours
    """Raised when the service answers with an error: a status and what its body says."""

    def __init__(self, status: int, msg: str, extras: str = "") -> None:
        """Keep the answer."""
        super().__init__(msg)
        self.status = status
        self.body: Json = {"status": status, "msg": msg} | ({"extras": extras} if extras else {})


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


@dataclass
class Model:
    """Everything that the service knows; not thread-safe."""

    now: Callable[[], datetime]
    effect_delay: timedelta = timedelta(0)
    task_length: timedelta = timedelta(seconds=1)
    state_file: Path | None = None
    repositories: dict[str, dict[str, Repository]] = field(
        default_factory=lambda: {state: {} for state in STATES}
    )
    plans: dict[str, Json] = field(default_factory=lambda: dict(plans.BUILT_IN))
    config: Json = field(default_factory=lambda: {"history_rotation_size": 50})
    threads: Json = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)

    def seed(self, ids: Iterable[str]) -> None:
        """Create these repositories, or load the state file if there is one."""
        if self.state_file and self.state_file.exists():
            self._load(json.loads(self.state_file.read_text()))
            return
        for id_ in ids:
            self._add(id_, "_daily_backups", f"/archives/{id_}", None)
        self.save()

    # Repositories

    def find(self, state: str, id_: str, text: str = "no repositories found") -> Repository:
        """Find a repository, or refuse with the service's words for this call."""
        found = self.repositories[state].get(id_)
        if found is None:
            raise Refusal(404, text)
        self._tick(found)
        return found

    def set_state(self, id_: str, state: str) -> None:
        """Pause or resume; both are idempotent, and show after the effect delay."""
        found = self.find("active", id_, f"could not find repository with id: {id_}")
        at = _text(self.now() + self.effect_delay)
        found.pending = (state, at)
        found.updated = _text(self.now())
        self._event(6161 if state == "paused" else 6162, id_)
        self._tick(found)
        self.save()

    def create(self, id_: str, body: Json) -> None:
        """Create an active repository, and its folder where the archive's parent exists."""
        if not ID.match(id_):
            raise Refusal(400, f"repository id must follow the rules {ID.pattern}")
        if id_ in self.repositories["active"]:
            raise Refusal(400, f"repository with id `{id_}` already exists")
        if body.get("plan") not in self.plans:
            raise Refusal(404, "requested plan not found")
        archive = str(body.get("archive") or "")
        if not archive:
            raise Refusal(400, "archive is required")
        bucket = {"name": body.get("bucket_name"), "uuid": uuid.uuid4().hex}
        made = self._add(id_, body["plan"], archive, bucket if body.get("bucket_name") else None)
        if Path(archive).parent.is_dir():
            with suppress(OSError):
                (Path(archive) / made.repo).mkdir(parents=True, exist_ok=True)
        self._event(6157, id_)
        self.save()

    def archive(self, id_: str, new_id: str) -> None:
        """Move an active repository to the archived ones, under a new id."""
        found = self.find("active", id_, f"could not find active repository with id:{id_}")
        if not ID.match(new_id):
            raise Refusal(400, f"repository id must follow the rules {ID.pattern}")
        if new_id in self.repositories["archived"]:
            raise Refusal(400, f"repository with id `{new_id}` already exists")
        del self.repositories["active"][id_]
        found.id, found.state, found.pending = new_id, "archived", None
        self.repositories["archived"][new_id] = found
        self._event(6159, id_)
        self.save()

    def import_(self, body: Json) -> None:
        """Import a repository that exists already, read-only."""
        id_ = str(body.get("id") or "")
        if not ID.match(id_):
            raise Refusal(400, f"repository id must follow the rules {ID.pattern}")
        if id_ in self.repositories["imported"]:
            raise Refusal(400, f"repository with id `{id_}` already exists")
        now = _text(self.now())
        self.repositories["imported"][id_] = Repository(
            id_, "", str(body.get("archive") or ""), now, now, "imported", str(body.get("repo"))
        )
        self.save()

    def delete(self, state: str, id_: str) -> None:
        """Delete an archived or imported repository; an active one is refused."""
        if state == "active":
            raise Refusal(400, "cannot delete active repositories")
        self.find(state, id_)
        del self.repositories[state][id_]
        self._event(6158, id_)
        self.save()

    def change_plan(self, id_: str, plan: str) -> None:
        """Change the plan of an active repository."""
        found = self.find("active", id_, f"could not find repository with id: {id_}")
        if plan not in self.plans:
            raise Refusal(404, "requested plan not found")
        found.plan = plan
        self.save()

    def start_task(self, state: str, id_: str, kind: str) -> str:
        """Start a one-off task, paused or not; return its name."""
        found = self.find(state, id_, f"repository `{id_}` does not exist")
        name = f"{kind}-{uuid.uuid4()}"
        found.runs.insert(0, self._run(name, kind, self.now(), one_off=True))
        self.save()
        return name

    def show(self, repository: Repository) -> Json:
        """Return a repository as the service does: keys that do not apply are absent."""
        self._tick(repository)
        running = {run["task_name"]: run for run in repository.runs if run["status"] == "running"}
        one_off = {name: _public(run) for name, run in running.items() if run["one_off"]}
        planned = {name: _public(run) for name, run in running.items() if not run["one_off"]}
        shown: Json = {
            "id": repository.id,
            "plan_name": repository.plan,
            "state": repository.state,
            "archive": repository.archive,
            "repo": repository.repo,
            "bucket": repository.bucket,
            "scheduled": self._scheduled(repository),
            "running_tasks": planned or None,
            "running_one_off": one_off or None,
            "version": 1,
            "health": {"healthy": True},
            "creation_time": repository.created,
            "update_time": repository.updated,
        }
        return {key: value for key, value in shown.items() if value is not None}

    def history(self, state: str, id_: str) -> list[Json]:
        """Return the runs of a repository, the newest first."""
        return [_public(run) for run in self.find(state, id_).runs]

    # Plans and settings

    def save_plan(self, name: str, body: object, *, is_new: bool) -> None:
        """Create or replace a plan."""
        if isinstance(body, dict):
            body = {"services": None, **body, "name": name}
        wrong = plans.fault(body)
        if wrong:
            raise Refusal(400, wrong)
        if is_new and name in self.plans:
            raise Refusal(400, f"plan `{name}` already exists")
        if not is_new and name not in self.plans:
            raise Refusal(404, "requested plan not found")
        assert isinstance(body, dict)  # noqa: S101  # fault() refuses anything else
        self.plans[name] = body
        self.save()

    def delete_plan(self, name: str) -> None:
        """Delete a plan that nothing uses."""
        if name not in self.plans:
            raise Refusal(404, "requested plan not found")
        if any(repository.plan == name for repository in self.repositories["active"].values()):
            raise Refusal(400, f"plan `{name}` is in use")
        del self.plans[name]
        self.save()

    def configure(self, body: Json) -> None:
        """Change the service's settings."""
        size = body.get("history_rotation_size", self.config["history_rotation_size"])
        if not isinstance(size, int) or not HISTORY[0] <= size <= HISTORY[1]:
            raise Refusal(400, "Rotation size has to be between 5 and 200")
        self.config["history_rotation_size"] = size
        self.save()

    # What happens as time passes

    def _tick(self, repository: Repository) -> None:
        """Apply all that is due by now: a pending change, runs that start, tasks that end."""
        now = self.now()
        if repository.pending and _instant(repository.pending[1]) <= now:
            repository.state, repository.pending = repository.pending[0], None
        if repository.state == "active":
            self._run_slots(repository, now)
        for run in repository.runs:
            if run["status"] == "running" and _instant(run["until"]) <= now:
                run.update(status="done", end=run["until"])
        repository.ticked = _text(now)
        del repository.runs[self.config["history_rotation_size"] :]

    def _run_slots(self, repository: Repository, now: datetime) -> None:
        since = _instant(repository.ticked)
        for task in self._tasks(repository):
            due = plans.next_run(task, _instant(repository.created), since)
            if due <= now:
                run = self._run(task["name"], task["task_type"], due, one_off=False)
                repository.runs.insert(0, run)

    def _scheduled(self, repository: Repository) -> Json | None:
        if repository.state != "active":
            return None
        anchor, now = _instant(repository.created), self.now()
        return {
            task["name"]: {
                "name": task["name"],
                "task_type": task["task_type"],
                "next_run": plans.next_run(task, anchor, now).isoformat(timespec="seconds"),
            }
            for task in self._tasks(repository)
        }

    def _tasks(self, repository: Repository) -> list[Json]:
        found = self.plans.get(repository.plan)
        return list(found["tasks"]) if found else []

    def _run(self, name: str, kind: str, start: datetime, *, one_off: bool) -> Json:
        return {
            "task_name": name,
            "status": "running",
            "start": _text(start),
            "end": ZERO_TIME,
            "node_runs": [],
            "error_code": 0,
            "type": kind,
            "one_off": one_off,
            "until": _text(start + self.task_length),
        }

    def _add(self, id_: str, plan: str, archive: str, bucket: Json | None) -> Repository:
        now = _text(self.now())
        made = Repository(id_, plan, archive, now, now, bucket=bucket, ticked=now)
        self.repositories["active"][id_] = made
        return made

    def _event(self, number: int, id_: str) -> None:
        self.events.append(
            {
                "timestamp": _text(self.now()),
                "uuid": str(uuid.uuid4()),
                "event_id": number,
                "component": "backup",
                "severity": "info",
                "extra_attributes": {"cluster": "self", "repository": id_},
            }
        )

    # The state file

    def save(self) -> None:
        """Replace the state file as a whole, if there is one."""
        if self.state_file is None:
            return
        kept = {
            "repositories": {
                state: [asdict(repository) for repository in found.values()]
                for state, found in self.repositories.items()
            },
            "plans": self.plans,
            "config": self.config,
        }
        draft = self.state_file.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.state_file)

    def _load(self, kept: Json) -> None:
        for state, found in kept["repositories"].items():
            for values in found:
                self.repositories[state][values["id"]] = Repository(**values)
        self.plans, self.config = kept["plans"], kept["config"]


def _public(run: Json) -> Json:
    return {key: value for key, value in run.items() if key not in {"one_off", "until"}}


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
