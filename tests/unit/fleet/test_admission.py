"""Who is let in when, and that nobody who hangs keeps others out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from daemon.fleet.admission import PassLimit, Slot

WITHIN_S = 60.0
PATIENCE = timedelta(hours=1)


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.now = 0.0
        self.reads = 0

    def __call__(self) -> float:
        """Return the time."""
        self.reads += 1
        return self.now


class Guest:
    """A thread that goes in, and stays until it is told to leave."""

    def __init__(self, pass_limit: PassLimit, arrived: list[Guest]) -> None:
        """Queue."""
        self.slot: Slot | None = None
        self._arrived = arrived
        self._may_leave = threading.Event()
        self._thread = threading.Thread(target=self._stay, args=(pass_limit,), daemon=True)
        self._thread.start()

    def _stay(self, pass_limit: PassLimit) -> None:
        with pass_limit.slot() as self.slot:
            self._arrived.append(self)
            assert self._may_leave.wait(WITHIN_S)

    def leave(self) -> None:
        """Go out."""
        self._may_leave.set()
        self._thread.join(WITHIN_S)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads do."""
    turn = threading.Event()
    assert any(condition() or turn.wait(0.001) for _ in range(10_000))


class Room:
    """A pass_limit with a clock of its own, and who came in, in order."""

    def __init__(self, most: int, patience: timedelta = PATIENCE) -> None:
        """Let so many in."""
        self.clock = Clock()
        self.pass_limit = PassLimit(most, patience, self.clock)
        self.arrived: list[Guest] = []

    def queue(self, count: int) -> list[Guest]:
        """Let guests queue, one after the other."""
        guests = []
        for _ in range(count):
            before = self.pass_limit.queued + len(self.arrived)
            guests.append(Guest(self.pass_limit, self.arrived))
            wait_until(lambda: self.pass_limit.queued + len(self.arrived) > before)  # noqa: B023
        return guests


def test_who_came_first_is_let_in_when_another_leaves() -> None:
    """Two are inside at once, and the others follow in their order."""
    room = Room(2)
    guests = room.queue(5)
    inside = []
    for number, guest in enumerate(guests):
        wait_until(lambda: len(room.arrived) == min(number + 2, 5))  # noqa: B023
        inside.append(room.pass_limit.queued)
        guest.leave()

    assert inside == [3, 2, 1, 0, 0]
    assert room.arrived == guests


def test_who_makes_steps_counts_for_longer() -> None:
    """After its patience it is the last step that counts, not the arrival."""
    room = Room(1, timedelta(milliseconds=10))
    first, second = room.queue(2)
    room.clock.now = 0.009
    assert first.slot
    first.slot.step()
    room.clock.now = 0.018
    reads = room.clock.reads
    wait_until(lambda: room.clock.reads > reads + 3)
    is_out = second not in room.arrived
    room.clock.now = 0.02
    wait_until(lambda: second in room.arrived)

    assert is_out
    for guest in (first, second):
        guest.leave()


def test_who_hangs_keeps_nobody_out() -> None:
    """The first in the queue looks by itself: hundreds that hang let one after the other in."""
    room = Room(2, timedelta(milliseconds=1))
    guests = []
    for _ in range(100):
        guests += [Guest(room.pass_limit, room.arrived)]
        room.clock.now += 1

    wait_until(lambda: len(room.arrived) == 100)

    for guest in guests:
        guest.leave()
    assert room.pass_limit.queued == 0


def test_one_that_fails_has_left() -> None:
    """An error inside lets the next one in."""
    room = Room(1)
    for _ in range(2):
        with pytest.raises(LookupError), room.pass_limit.slot():
            raise LookupError

    assert room.pass_limit.queued == 0
