"""What the histories say: whose each pause is, and which promise was broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """Who paused a repository; `EITHER` when the service's lack of an owner hides it."""

    DAEMON = "daemon"
    PERSON = "person"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Change:
    """A pause or resume that a service carried out, in that service's order.

    `is_claimed`: when a person did it, the daemon held the repository or had a call of unknown
    fate there, so that nobody can tell afterwards whose pause it is.
    """

    repository: str
    action: str
    is_daemon: bool
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who pauses which repository in the end, and what went wrong on the way."""

    owners: dict[str, Owner]
    violations: tuple[str, ...]

    @property
    def left_paused(self) -> tuple[str, ...]:
        """The repositories that the daemon paused and nobody resumed."""
        return tuple(sorted(id_ for id_, owner in self.owners.items() if owner is Owner.DAEMON))


def judge(cluster: str, history: Iterable[Change], foreign: Iterable[str]) -> Verdict:
    """Go through the *history* of a cluster in which people had paused *foreign* before."""
    owners = dict.fromkeys(foreign, Owner.PERSON)
    violations = []
    for change in history:
        owner = owners.get(change.repository)
        if change.action == "resume":
            if change.is_daemon and owner is Owner.PERSON:
                violations.append(
                    f"I2: {cluster}/{change.repository} was resumed, but a person had paused it"
                )
            owners.pop(change.repository, None)
        elif owner is None:
            owners[change.repository] = _owner(change)
    return Verdict(owners, tuple(violations))


def _owner(change: Change) -> Owner:
    if change.is_daemon:
        return Owner.DAEMON
    return Owner.EITHER if change.is_claimed else Owner.PERSON
