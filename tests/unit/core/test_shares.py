"""Shares and leases: whatever joins and leaves, everything is spoken to, by one at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.shares import (
    Lease,
    fair_share,
    leaving,
    plan_rebalance,
    renewal_of,
    shortest_lease,
)

NAMES = st.frozensets(st.integers(0, 40).map(lambda number: f"c{number}"))
SECOND = timedelta(seconds=1)


@given(st.integers(0, 5000), st.integers(0, 50))
def test_shares_are_enough_and_even(clusters: int, members: int) -> None:
    """All shares together are enough for all clusters, and one less of each would not be."""
    share, count = fair_share(clusters, members), max(members, 1)

    assert share * count >= clusters
    assert (share - 1) * count < max(clusters, 1)


@given(NAMES, NAMES, NAMES, st.integers(1, 5))
def test_nobody_keeps_more_than_his_share(
    mine: frozenset[str], wanted: frozenset[str], busy: frozenset[str], members: int
) -> None:
    """What is not wanted goes, then what is too much; nobody claims while he has too much."""
    plan = plan_rebalance(mine, wanted, members, may_claim=True)
    going = leaving(mine, busy, plan)
    kept = mine - set(going)

    assert kept <= wanted
    assert len(kept) + plan.claim <= max(fair_share(len(wanted), members), 0)
    assert not (plan.claim and plan.excess)
    assert len(kept) + plan.claim >= min(len(mine & wanted), fair_share(len(wanted), members))


def test_idle_clusters_go_first() -> None:
    """Of two, the one goes of which nothing is held."""
    plan = plan_rebalance({"a", "b", "c"}, {"a", "b", "c"}, 3, may_claim=True)

    assert leaving({"a", "b", "c"}, {"a", "c"}, plan)[0] == "b"


def test_who_may_not_claim_lets_go_of_everything() -> None:
    """A daemon whose file is not in force gives back all that it has."""
    plan = plan_rebalance({"a", "b"}, {"a", "b"}, 1, may_claim=False)

    assert (plan.claim, sorted(leaving({"a", "b"}, {"a"}, plan))) == (0, ["a", "b"])


@pytest.mark.parametrize("total", [SECOND, timedelta(seconds=60)])
def test_the_shortest_lease_has_room_for_a_late_call(total: timedelta) -> None:
    """A call that begins when a renewal is due, and one more, fit into what is left then."""
    lease = shortest_lease(total)

    assert lease == 3 * total
    assert lease - renewal_of(lease) >= 2 * total


def test_a_call_fits_or_does_not_start() -> None:
    """The last moment at which a call may start is its whole time before the lease's end."""
    lease = Lease("prod", 7, until=10 * SECOND)

    fits = [lease.has_room(at * SECOND, 3 * SECOND) for at in (6, 7, 8)]
    lease.renew(20 * SECOND)

    assert fits == [True, True, False]
    assert lease.has_room(8 * SECOND, 3 * SECOND)
    assert lease.left(8 * SECOND) == 12 * SECOND


def test_a_dropped_lease_stays_so() -> None:
    """A renewal whose answer comes after the loss was noticed brings nothing back."""
    lease = Lease("prod", 7, until=10 * SECOND)
    lease.drop()
    lease.renew(20 * SECOND)

    assert not lease.has_room(SECOND, SECOND)
    assert lease.left(SECOND) == timedelta(0)
