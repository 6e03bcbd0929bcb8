"""Decides on all repositories of a cluster after a look at it; other clusters have their turns."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.absent import wanted_in_steps
from daemon.core.decide import decide
from daemon.core.moment import Moment
from daemon.core.repository import RepositoryKey
from daemon.host.event_loop import giving_way, in_turns
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Decided
from daemon.passes.looks import Observed
from daemon.passes.rules import Rules


@dataclass(frozen=True, slots=True)
class Look:
    """What a list of *cluster* showed at *now*, taken at the address *here*.

    `ids` are those of its rows that a repository can have.
    """

    cluster: str
    observed: Observed
    ids: frozenset[str]
    now: Moment
    here: str


async def decide_on_all(look: Look, holdings: Holdings, rules: Rules) -> list[Decided]:
    """Return the decisions on all repositories that are wanted or have a record, by their ids."""
    known = holdings.ids()
    # What has vanished is wanted by whoever names it plainly, and by no glob.
    ids = look.ids | (known - holdings.gone())
    desired = await in_turns(wanted_in_steps(rules.timeline, look.cluster, ids, look.now.wall))
    decisions = []
    async for id_ in giving_way(sorted(desired.keys() | known)):
        before, wanted = holdings.get(id_), desired.get(id_)
        decision = decide(
            RepositoryKey(look.cluster, id_),
            wanted,
            look.observed.get(id_) or look.observed.get(""),
            before,
            look.now,
            here=look.here,
            may_pause=rules.may_pause,
        )
        decisions.append(Decided(decision, wanted, before))
    return decisions
