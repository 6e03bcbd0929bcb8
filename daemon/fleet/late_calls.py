"""Calls that other daemons sent too late: a lane looks at each, and only then it is noted.

Noted earlier, a call would be forgotten with a daemon that dies before its lane has recorded the
suspicion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from daemon.ledger.postgresql.claims import Look, Stale


class LateCalls:
    """What was found, what lanes were given, and what they have recorded."""

    def __init__(self) -> None:
        """Begin with none."""
        self._given: dict[int, str] = {}
        self._found: list[Stale] = []
        self._recorded: dict[str, Look] = {}

    def find(self, stale: Iterable[Stale], names: Collection[str]) -> bool:
        """Take what is new on the clusters called *names*; return whether anything is."""
        new = [each for each in stale if each.cluster in names and each.id not in self._given]
        self._given |= {each.id: each.cluster for each in new}
        self._found += new
        return bool(new)

    def to_look_at(self, lanes: Collection[str]) -> list[Stale]:
        """Return what was found since this was asked last on clusters that have *lanes*.

        The oldest come first; what has no lane yet is kept until it has.
        """
        found = [each for each in self._found if each.cluster in lanes]
        self._found = [each for each in self._found if each.cluster not in lanes]
        return found

    def recorded(self, call: Stale, epoch: int) -> None:
        """Note that the ledger has the suspicion of a call, and of those before it.

        It was written under the claim of *epoch*.
        """
        if call.id in self._given:
            self._recorded[call.cluster] = Look(epoch, call.id)

    def to_note(self) -> dict[str, Look]:
        """Return the last call of each cluster that the database should take as looked at."""
        return dict(self._recorded)

    def noted(self, last: dict[str, Look]) -> None:
        """Forget what the database has noted; it is not found again."""
        self._given = {
            id_: cluster
            for id_, cluster in self._given.items()
            if cluster not in last or id_ > last[cluster].last
        }
        self._recorded = dict(self._recorded.items() - last.items())

    def end(self, cluster: str) -> None:
        """Forget a cluster whose lane has ended: what it had not recorded is found again."""
        self._given = {id_: name for id_, name in self._given.items() if name != cluster}
        self._found = [each for each in self._found if each.cluster != cluster]
        self._recorded.pop(cluster, None)
