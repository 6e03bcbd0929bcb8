"""The register of claims that a daemon has, between its membership and its fleet."""

from __future__ import annotations

from datetime import timedelta

from daemon.fleet.leases import Leases
from daemon.ledger.postgresql.claims import Grant
from tests.unit.ledger.ledger_samples import NOW, sent

UNTIL = timedelta(seconds=10)


def claimed(**epochs: int) -> Leases:
    """Begin with these clusters claimed, and taken."""
    leases = Leases()
    leases.take([Grant(name, epoch, ()) for name, epoch in epochs.items()], UNTIL)
    leases.granted()
    return leases


def test_what_is_claimed_is_given_once() -> None:
    """The fleet is given each claim, with its lease, a single time."""
    leases = Leases()
    leases.take([Grant("a", 3, ())], UNTIL)

    ((lease, grant),) = leases.granted()

    assert (lease.cluster, lease.epoch, lease.left(timedelta(0)), grant.epoch) == ("a", 3, UNTIL, 3)
    assert leases.granted() == []


def test_what_is_not_renewed_is_lost() -> None:
    """A cluster that the database no longer calls ours, or by another epoch, is dropped at once."""
    leases = claimed(a=1, b=1, c=1)

    lost = leases.renew({"a": 1, "b": 2}, 2 * UNTIL)

    assert lost == ["b", "c"]
    assert leases.renew({"a": 1}, 3 * UNTIL) == []


def test_claims_that_nobody_knows_of_are_given_back() -> None:
    """A claim whose answer was lost on its way is renewed for nobody: others may have it."""
    leases = claimed(a=1)

    leases.renew({"a": 1, "ghost": 4}, 2 * UNTIL)

    assert leases.to_return().epochs == {"ghost": 4}


def test_a_claim_is_kept_until_its_lane_has_ended() -> None:
    """What is let go of is still renewed; only when it has ended it is given back."""
    leases = Leases()
    leases.take([Grant("a", 1, ())], UNTIL)
    ((lease, _),) = leases.granted()
    leases.let_go("a")
    before = set(leases.staying), set(leases.names), dict(leases.to_return().epochs)
    leases.end(lease, [sent(NOW)])
    returned = leases.to_return()
    released = leases.returned(returned.epochs)

    assert before == (set(), {"a"}, {})
    assert returned.late == ((1, sent(NOW)),)
    assert (released, leases.names) == (["a"], frozenset())


def test_what_is_over_is_lost_once() -> None:
    """A lease that ended before its renewal, or under a fence, is named; the next beat does not."""
    leases = Leases()
    leases.take([Grant("a", 1, ()), Grant("b", 1, ())], UNTIL)
    (a, _), (b, _) = leases.granted()
    b.drop()

    news = [leases.lose(a), leases.lose(b), leases.lose(a)]

    assert news == [True, True, False]
    assert (a.is_dropped, leases.renew({}, 2 * UNTIL)) == (True, [])


def test_what_has_ended_is_not_lost() -> None:
    """A claim that waits to be given back is not renewed, and nobody is told that it is lost."""
    leases = Leases()
    leases.take([Grant("a", 1, ()), Grant("b", 1, ())], UNTIL)
    (a, _), _ = leases.granted()
    leases.end(a, ())

    assert leases.ended == {"a": 1}
    assert leases.renew({"b": 1}, 2 * UNTIL) == []
    assert leases.returned({"a": 1}) == ["a"]
