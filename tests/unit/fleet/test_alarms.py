"""Alarms: any number of names on one job of the scheduler, each rung once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ADDED

from daemon.fleet.alarms import Alarms

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
PATIENCE_S = 10.0


class Clock:
    """A clock that stands until it is set, or goes on by a step whenever it is read."""

    def __init__(self) -> None:
        """Begin now: the scheduler goes by the real time."""
        self.now = datetime.now(UTC)
        self.step = timedelta(0)

    def __call__(self) -> datetime:
        """Return the time."""
        self.now += self.step
        return self.now - self.step


def ring(act: Callable[[Alarms, Clock, list[str]], Awaitable[None]]) -> list[str]:
    """Return which alarms rang while *act* went on, which gets them started."""
    rung: list[str] = []

    async def run() -> None:
        clock = Clock()
        alarms = Alarms(clock)
        alarms.start()
        try:
            await act(alarms, clock, rung)
        finally:
            alarms.stop()
            await asyncio.sleep(0)

    asyncio.run(run())
    return rung


async def heard(alarms: Alarms, clock: Clock) -> None:
    """Wait until everything that is due has rung: what was set before is due no later than this."""
    rang = asyncio.Event()
    alarms.set("last", clock.now, rang.set)
    await asyncio.wait_for(rang.wait(), PATIENCE_S)


def test_many_alarms_are_one_job() -> None:
    """However many are set, the scheduler has one job for the nearest, and takes few new ones."""
    jobs: list[int] = []

    async def act(alarms: Alarms, clock: Clock, _: list[str]) -> None:
        scheduler = alarms._scheduler
        scheduler.add_listener(lambda event: jobs.append(event.code), EVENT_JOB_ADDED)
        for number in range(1000):
            alarms.set(str(number), clock.now + HOUR + number * SECOND, lambda: None)

        assert [job.next_run_time for job in scheduler.get_jobs()] == [clock.now + HOUR]

    ring(act)
    assert len(jobs) == 1


def test_an_alarm_that_is_set_again_rings_once() -> None:
    """The last time that was set counts, be it sooner or later, and each rings a single time."""

    async def act(alarms: Alarms, clock: Clock, rung: list[str]) -> None:
        begin = clock.now
        for name, first, second in (("sooner", 2, 1), ("later", 1, 3)):
            alarms.set(name, begin + first * HOUR, lambda name=name: rung.append(f"{name} old"))  # type: ignore[misc]
            alarms.set(name, begin + second * HOUR, lambda name=name: rung.append(name))  # type: ignore[misc]
        for hours in (1, 2, 3, 4):
            clock.now = begin + hours * HOUR
            await alarms._ring()
            rung.append(f"{hours} h")

    assert ring(act) == ["sooner", "1 h", "2 h", "later", "3 h", "4 h"]


def test_an_alarm_that_is_cancelled_never_rings() -> None:
    """None cancels an alarm; the others ring."""

    async def act(alarms: Alarms, clock: Clock, rung: list[str]) -> None:
        for name in ("a", "b", "c"):
            alarms.set(name, clock.now - SECOND, lambda name=name: rung.append(name))  # type: ignore[misc]
        alarms.set("b", None, lambda: None)
        alarms.set("never set", None, lambda: None)
        await heard(alarms, clock)

    assert ring(act) == ["a", "c"]


def test_alarms_ring_in_their_order() -> None:
    """Those that are due together ring by their times; what is not due yet does not ring."""

    async def act(alarms: Alarms, clock: Clock, rung: list[str]) -> None:
        for name, at in (("late", HOUR), ("b", -SECOND), ("a", -2 * SECOND)):
            alarms.set(name, clock.now + at, lambda name=name: rung.append(name))  # type: ignore[misc]
        await heard(alarms, clock)

    assert ring(act) == ["a", "b"]


def test_what_is_set_again_and_again_does_not_pile_up() -> None:
    """Alarms that are set anew at every pass leave nothing behind, whether sooner or later."""

    async def act(alarms: Alarms, clock: Clock, _: list[str]) -> None:
        for number in range(10_000):
            alarms.set(str(number % 10), clock.now + HOUR + number * SECOND, lambda: None)
            alarms.set("cancelled", clock.now + HOUR, lambda: None)
            alarms.set("cancelled", None, lambda: None)

        assert len(alarms._order) < 200

    ring(act)


def test_an_alarm_right_after_another_is_not_lost() -> None:
    """What falls due between a ring and the library's next look rings then, and not never."""

    async def act(alarms: Alarms, clock: Clock, rung: list[str]) -> None:
        rang = asyncio.Event()
        clock.step = SECOND
        alarms.set("a", clock.now, lambda: rung.append("a"))
        alarms.set("b", clock.now + timedelta(microseconds=1), rang.set)
        await asyncio.wait_for(rang.wait(), PATIENCE_S)

    assert ring(act) == ["a"]


def test_a_ring_that_fails_holds_up_no_other() -> None:
    """A bug of one alarm does not keep those that are due with it from ringing at once."""

    async def act(alarms: Alarms, clock: Clock, rung: list[str]) -> None:
        def fail() -> None:
            raise LookupError

        alarms.set("bad", clock.now - 2 * SECOND, fail)
        alarms.set("good", clock.now - SECOND, lambda: rung.append("good"))
        await heard(alarms, clock)

    assert ring(act) == ["good"]


def test_a_beat_comes_at_once_and_sets_again_what_is_set() -> None:
    """A beat rings from now on; after a step of the clock what is set rings at its new time."""

    async def act(alarms: Alarms, clock: Clock, rung: list[str]) -> None:
        beaten = asyncio.Event()
        alarms.set("set", clock.now + HOUR, lambda: rung.append("set"))
        alarms.beat(HOUR, beaten.set)
        await asyncio.wait_for(beaten.wait(), PATIENCE_S)
        names = {job.id: job.next_run_time for job in alarms._scheduler.get_jobs()}

        assert names["next"] == clock.now + HOUR
        assert names["beat"] > clock.now + HOUR / 2

    assert ring(act) == []
