"""Who is asked next, and after which wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.attempt import CallError
from daemon.service.cluster import RetryPolicy
from daemon.service.failover import Again, Course, Failure, Roots

SECOND = timedelta(seconds=1)
BUSY = Failure(CallError.THROTTLED, "", 429, Again.ANYWHERE)
DOWN = Failure(CallError.REFUSED, "", None, Again.ANYWHERE, moves_on=True, is_silent=True)
ELSEWHERE = Failure(CallError.NOT_FOUND, "", 404, Again.ELSEWHERE, moves_on=True)
REFUSED = Failure(CallError.FORBIDDEN, "", 403)


def course(roots: Roots, attempts: int = 5, max_delay: timedelta = 30 * SECOND) -> Course:
    """Begin a call whose waits are as long as they may be."""
    return Course(roots, RetryPolicy(attempts, SECOND, max_delay), jitter=lambda longest: longest)


def waits(trip: Course, *failures: Failure) -> list[timedelta | None]:
    """Fail as often as given; return the waits."""
    found = []
    for failure in failures:
        found.append(trip.next_after(failure))
        trip.number += 1
    return found


def test_the_ceiling_doubles_up_to_the_longest_delay() -> None:
    """The wait may be twice as long each time, but never longer than max_delay."""
    found = waits(course(Roots(("a",)), attempts=6, max_delay=5 * SECOND), *[BUSY] * 6)

    assert found == [SECOND, 2 * SECOND, 4 * SECOND, 5 * SECOND, 5 * SECOND, None]


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_a_wait_is_always_within_its_bounds(number: int, share: float) -> None:
    """However many attempts there were, the wait is between nothing and max_delay."""
    policy = RetryPolicy(number + 1, SECOND, 30 * SECOND)
    trip = Course(Roots(("a",)), policy, jitter=lambda longest: share * longest)
    trip.number = number

    wait = trip.next_after(BUSY)

    assert wait is not None
    assert timedelta(0) <= wait <= 30 * SECOND


def test_what_the_server_asks_for_is_waited_up_to_the_longest_delay() -> None:
    """A Retry-After takes the place of the back-off."""
    asked = [
        Failure(CallError.THROTTLED, "", 429, Again.ANYWHERE, retry_after=n * SECOND)
        for n in (7, 99)
    ]

    assert waits(course(Roots(("a",))), *asked) == [7 * SECOND, 30 * SECOND]


def test_a_refusal_ends_the_call() -> None:
    """What cannot get better by itself is not tried again."""
    assert waits(course(Roots(("a", "b"))), REFUSED) == [None]


def test_each_root_is_asked_at_once_and_then_in_turn() -> None:
    """A round through all roots takes no wait; the next one does."""
    roots = Roots(("a", "b", "c"))
    trip = course(roots)
    asked = [trip.root]

    for _ in range(4):
        assert trip.next_after(DOWN) is not None
        asked.append(trip.root)
        trip.number += 1

    assert asked == ["a", "b", "c", "a", "b"]
    assert waits(course(Roots(("a", "b", "c"))), *[DOWN] * 4) == [
        timedelta(0),
        timedelta(0),
        4 * SECOND,
        8 * SECOND,
    ]


def test_a_root_without_the_service_is_asked_once() -> None:
    """What only another root can do ends the call when all have been asked."""
    assert waits(course(Roots(("a", "b"))), ELSEWHERE, ELSEWHERE) == [timedelta(0), None]


def test_later_calls_begin_at_the_root_that_answered() -> None:
    """The root that answered last is preferred, until it fails."""
    roots = Roots(("a", "b", "c"))
    trip = course(roots)
    trip.next_after(DOWN)
    trip.succeed()

    assert course(roots).root == "b"


@pytest.mark.parametrize("failure", [BUSY, REFUSED])
def test_a_root_that_says_no_has_answered(failure: Failure) -> None:
    """A refusal is an answer: its root is not silent."""
    roots = Roots(("a",))
    roots.failed("a", is_silent=True)

    course(roots).next_after(failure)

    assert not roots.are_all_silent


def test_all_roots_are_silent_when_each_was_since_the_last_answer() -> None:
    """Silence counts across calls and ends with an answer."""
    roots = Roots(("a", "b"))
    roots.failed("a", is_silent=True)
    assert not roots.are_all_silent
    roots.failed("b", is_silent=True)

    assert roots.are_all_silent
    roots.answered("a")
    assert not roots.are_all_silent


def test_a_failure_of_another_root_does_not_move_the_preferred_one() -> None:
    """A slow failure of a root that was given up long ago changes nothing."""
    roots = Roots(("a", "b", "c"))
    roots.failed("a", is_silent=True)

    roots.failed("a", is_silent=True)

    assert roots.preferred == "b"
