"""Notices on their way: queues, another try, and what is given up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.log import events
from daemon.notify.kinds.slack import SLACK
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.messages import DeliveryError
from daemon.notify.notices import Notice
from daemon.notify.queues import QUEUE_LIMIT, Pace, Sender, TargetQueue
from daemon.notify.targets import Kind, Target

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE = timedelta(seconds=60)
PASSING = DeliveryError("server_error", "later", is_passing=True, status=500)
FINAL = DeliveryError("not_found", "never", is_passing=False, status=404)
AT_ONCE = Pace(timedelta(0), timedelta(0), timedelta(0), attempts=3)


@dataclass
class Post:
    """Delivers to nobody: fails as it is told to, one delivery after the other, and remembers."""

    failures: list[Exception | None] = field(default_factory=list)
    taken: list[list[int]] = field(default_factory=list)
    tries: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def deliver(self, _: Target, notices: Sequence[Notice]) -> None:
        """Take *notices*, or fail."""
        self.tries += 1
        self.begun.set()
        assert self.goes_on.wait(10)
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure
        self.taken.append([notice.keys["number"] for notice in notices])


@dataclass
class Book:
    """A log that keeps its lines, and what was counted."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    counted: list[tuple[str, int]] = field(default_factory=list)

    def count(self, _: str, outcome: str, notices: int) -> None:
        """Count; that there is a counter at all is of no interest here."""
        self.counted += [(outcome, notices)] if notices else []

    def info(self, event: str, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append(("info", event, keys))

    def warning(self, event: str, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append(("warning", event, keys))

    def error(self, event: str, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append(("error", event, keys))

    def critical(self, event: str, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append(("critical", event, keys))

    @property
    def said(self) -> list[tuple[str, str]]:
        """Return level and event of each line."""
        return [line[:2] for line in self.lines]


Make = Callable[..., TargetQueue]


@pytest.fixture
def book() -> Book:
    """Return an empty book."""
    return Book()


@pytest.fixture
def make(book: Book) -> Iterator[Make]:
    """Return what makes queues, all of which have ended in the end."""
    with ExitStack() as exits:

        def make_one(post: Post, kind: Kind = WEBHOOK, pace: Pace = AT_ONCE) -> TargetQueue:
            target = Target("t", kind, url_env="URL")
            queue = TargetQueue(target, Sender(post.deliver, book, book.count, pace))
            exits.callback(end, queue, post)
            return queue

        yield make_one


def end(queue: TargetQueue, post: Post) -> int:
    """Let a queue send what it has, and end."""
    post.goes_on.set()
    queue.close()
    return queue.join(PATIENCE)


def numbered(number: int) -> Notice:
    """Make a notice that can be told from others."""
    return Notice(events.WINDOW_OPENED, "info", NOW, {"number": number})


def put(queue: TargetQueue, post: Post, count: int) -> None:
    """Queue so many notices while the first of them is under way."""
    queue.put(numbered(0))
    assert post.begun.wait(10)
    for number in range(1, count):
        queue.put(numbered(number))


def test_a_program_is_told_of_one_event_at_a_time(make: Make, book: Book) -> None:
    """A webhook gets each notice by itself, in order, and the log has a line for each."""
    post = Post()
    queue = make(post)

    put(queue, post, 3)
    lost = end(queue, post)

    assert post.taken == [[0], [1], [2]]
    assert lost == 0
    assert book.said == [("info", "notification.sent")] * 3
    assert book.counted == [("sent", 1)] * 3


def test_people_are_told_of_many_at_once(make: Make) -> None:
    """What came while a message was under way goes into the next one."""
    post = Post()
    queue = make(post, SLACK)

    put(queue, post, 9)
    end(queue, post)

    assert post.taken == [[0], [1, 2, 3, 4, 5, 6, 7, 8]]


def test_what_fails_for_now_is_sent_again(make: Make, book: Book) -> None:
    """A failure that may pass is a warning, and the message is sent again."""
    post = Post([PASSING, None])
    queue = make(post)

    put(queue, post, 1)
    post.goes_on.set()
    assert wait_until(lambda: bool(post.taken))
    end(queue, post)

    assert post.taken == [[0]]
    assert book.said == [("warning", "notification.failed"), ("info", "notification.sent")]
    assert book.lines[0][2] == {
        "target": "t",
        "events": ["window.opened"],
        "notices": 1,
        "status": 500,
        "error": "server_error",
        "message": "later",
        "attempt": 1,
        "retry_in_ms": 0,
    }


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; return whether it came."""
    turn = threading.Event()
    return any(condition() or turn.wait(0.01) for _ in range(1000))


@pytest.mark.parametrize(("failure", "tries"), [(FINAL, 1), (PASSING, AT_ONCE.attempts)])
def test_what_cannot_be_sent_is_given_up(
    make: Make, book: Book, failure: DeliveryError, tries: int
) -> None:
    """A refusal at once, another failure after its attempts; the next notice has its turn."""
    post = Post([failure] * tries)
    queue = make(post)

    put(queue, post, 2)
    post.goes_on.set()
    assert wait_until(lambda: post.taken == [[1]])

    assert post.tries == tries + 1
    assert ("error", "notification.failed") in book.said
    assert ("failed", 1) in book.counted


def test_a_full_queue_loses_its_oldest(make: Make, book: Book) -> None:
    """A target that hangs costs a bounded memory; what was lost is counted and said."""
    post = Post()
    queue = make(post, SLACK)

    put(queue, post, QUEUE_LIMIT + 6)
    end(queue, post)

    assert post.taken[1][0] == 6
    assert post.taken[-1][-1] == QUEUE_LIMIT + 5
    assert ("error", "notification.dropped", {"target": "t", "notices": 5}) in book.lines
    assert ("dropped", 5) in book.counted


def test_the_end_does_not_wait_for_the_next_try(make: Make, book: Book) -> None:
    """At the end a message that failed is sent once more, at once, and then given up."""
    hours = timedelta(hours=1)
    post = Post([PASSING, PASSING, None])
    queue = make(post, pace=Pace(hours, hours, hours))

    put(queue, post, 1)
    post.goes_on.set()
    assert wait_until(lambda: bool(book.lines))
    lost = end(queue, post)

    assert lost == 0
    assert post.tries == 2
    assert book.said == [("warning", "notification.failed"), ("error", "notification.failed")]


def test_what_hangs_at_the_end_is_left(make: Make) -> None:
    """A target that does not answer holds up no stop; what waits for it counts as lost."""
    post = Post()
    queue = make(post)

    put(queue, post, 4)
    queue.close()

    assert queue.join(timedelta(0)) == 3


def test_a_target_is_left_alone_as_long_as_it_wants(make: Make, book: Book) -> None:
    """`Retry-After` is obeyed, up to the longest distance."""
    busy = DeliveryError("throttled", "slow", is_passing=True, retry_after=timedelta(minutes=2))
    post = Post([busy])
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    queue = make(post, pace=Pace(timedelta(0), second, hour))

    put(queue, post, 1)
    post.goes_on.set()
    assert wait_until(lambda: bool(book.lines))

    assert book.lines[0][2]["retry_in_ms"] == 120_000


def test_a_bug_ends_one_message_only(make: Make, book: Book) -> None:
    """What nobody expected is said with its traceback, and the queue goes on."""
    post = Post([RuntimeError("bug"), None])
    queue = make(post)

    put(queue, post, 2)
    end(queue, post)

    assert post.taken == [[1]]
    assert book.said == [("critical", "notification.failed"), ("info", "notification.sent")]


def test_the_delays_grow_for_an_hour() -> None:
    """The delay doubles up to five minutes, and all attempts together take about an hour."""
    pace = Pace()

    delays = [pace.delay(attempt) for attempt in range(1, pace.attempts)]

    assert delays[:3] == [timedelta(seconds=seconds) for seconds in (1, 2, 4)]
    assert delays[-1] == timedelta(minutes=5)
    assert timedelta(minutes=45) < sum(delays, timedelta()) < timedelta(minutes=90)
