"""Repositories as the Backup Service describes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
    """A run that the service has scheduled; there are none while a repository is paused."""

    next_run: datetime
    task: str
    task_type: str


@dataclass(frozen=True, slots=True)
class ObservedRepository:
    """A repository in the answer to one list call; `running` are tasks in progress.

    `uuid` is the service's `repo`, the id of the archive: it tells a repository from another one
    with the same id, here or on another cluster. `plan` is the name of its plan. Both are empty if
    the list lacks them.
    """

    id: str
    state: RepositoryState
    uuid: str = ""
    plan: str = ""
    scheduled: tuple[ScheduledRun, ...] = ()
    running: tuple[str, ...] = ()
