"""Repositories as the Backup Service describes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Source: `couchbase/testrunner` and the vendor's documentation of a repository's name.
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,49}")


ID_RULE = "letters, digits, _ and -, at most 50, the first a letter or digit"


def is_id(text: str) -> bool:
    """Check whether *text* can be the id of a repository, by the service's own rule."""
    return _ID.fullmatch(text) is not None


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

    A row that is not understood has no `state`, and `problem` says why. Its `id` is as it may be
    shown, and empty where it has none: then it may be the row of any repository.
    """

    id: str
    state: RepositoryState | None
    uuid: str = ""
    plan: str = ""
    scheduled: tuple[ScheduledRun, ...] = ()
    running: tuple[str, ...] = ()
    problem: str = ""


NULL_LIST = ObservedRepository("", None, problem="the list is null")
"""What `null` says in the place of a list: perhaps nothing, and perhaps that all is well and empty.

Believed to be an empty list only where nothing is held.
"""


def is_null(listed: Sequence[ObservedRepository]) -> bool:
    """Check whether a list was no list but `null`."""
    return len(listed) == 1 and listed[0] == NULL_LIST
