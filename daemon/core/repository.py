"""Repositories, and what is said to and about them, in the Backup Service's own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class RepositoryKey:
    """A repository of a cluster: the cluster's name in schedules.yaml and the service's id."""

    cluster: str
    id: str

    def __str__(self) -> str:
        """Return the key as users write it: `cluster/repository`."""
        return f"{self.cluster}/{self.id}"


class RepositoryState(StrEnum):
    """The `state` of a repository object; the list under `/repository/active` has the first two.

    Source: `couchbase/testrunner`, swagger model `Repository.allowed_values`.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True, order=True)
class ScheduledRun:
    """A run that the service plans; absent while a repository is paused."""

    next_run: datetime
    task: str
    task_type: str


@dataclass(frozen=True, slots=True)
class ObservedRepository:
    """What one list call says of one repository; `running` names tasks in progress.

    `uuid` is the service's `repo`, the archive's own number: it tells a repository from another
    one that was given the same id, here or on another cluster. `plan` names the plan of its tasks.
    Both are empty where the list lacks them.
    """

    id: str
    state: RepositoryState
    uuid: str = ""
    plan: str = ""
    scheduled: tuple[ScheduledRun, ...] = ()
    running: tuple[str, ...] = ()


class Action(StrEnum):
    """What a call is for."""

    LIST = "list"
    GET = "get"
    PAUSE = "pause"
    RESUME = "resume"
    BACKUP = "backup"
    DISCOVER = "discover"


class CallError(StrEnum):
    """Why a call failed, in the words of the log's `error` key."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    DNS = "dns"
    TLS = "tls"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"


class Outcome(StrEnum):
    """What became of one HTTP request: done, to be sent again in this pass, or given up.

    Stale: whatever became of it, the cluster was another daemon's by then.
    """

    OK = "ok"
    RETRY = "retry"
    FAILED = "failed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request that was started, whatever became of it; `started` is UTC."""

    cluster: str
    repository: str | None
    action: Action
    windows: tuple[str, ...]
    method: str
    url: str
    attempt: int
    status: int | None
    outcome: Outcome
    error: CallError | None
    message: str
    started: datetime
    duration: timedelta
    retry_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant on both clocks: `wall` (UTC) may be stepped, `uptime` (CLOCK_BOOTTIME) may not.

    `uptime` values compare only within one `boot_id`; `asleep` is how much of it the host was
    suspended.
    """

    wall: datetime
    boot_id: str
    uptime: timedelta
    asleep: timedelta = timedelta(0)
