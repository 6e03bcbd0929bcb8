"""Who hears of which line of the log."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.log import events
from daemon.log.events import Event, Level
from daemon.log.interface import Log
from daemon.log.tee import TeeLog
from daemon.notify.kinds.alertmanager import ALERTMANAGER
from daemon.notify.kinds.ping import PING
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.notices import (
    RUN_FAILED,
    RUN_STARTED,
    RUN_SUCCEEDED,
    SILENCE_OVER,
    SILENCE_WANTED,
    SILENCES_KNOWN,
    Notice,
)
from daemon.notify.notifier import Notifier
from daemon.notify.queues import Pace, Sender
from daemon.notify.targets import Kind, Target
from daemon.windows.window import Opening, window_of
from tests.unit.notify.test_queues import Book

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT_ONCE = Pace(timedelta(0), timedelta(0), timedelta(0))
PATIENCE = timedelta(seconds=60)
NIGHT = "night@2026-11-23T12:00:00Z"
OTHER = "day@2026-11-23T13:00:00Z"
A, B, C, D = map(Event, "abcd")


class Mailbox:
    """Takes all that is sent."""

    def __init__(self) -> None:
        """Begin empty."""
        self.got: list[tuple[str, str]] = []
        self._turn = threading.Lock()

    def deliver(self, target: Target, notices: Sequence[Notice]) -> None:
        """Keep what was sent to whom."""
        with self._turn:
            self.got += [(target.name, notice.event) for notice in notices]


@pytest.fixture
def mail() -> Mailbox:
    """Return an empty mailbox."""
    return Mailbox()


@pytest.fixture
def book() -> Book:
    """Return an empty log."""
    return Book()


@pytest.fixture
def notifier(mail: Mailbox, book: Book) -> Iterator[Notifier]:
    """Return a notifier, closed in the end."""
    made = Notifier(
        Sender(mail.deliver, book, book.count, AT_ONCE),
        lambda: NOW,
        lambda window: frozenset({"prod"} if window == "night" else ()),
    )
    yield made
    made.close(PATIENCE)


def target(name: str, kind: Kind = WEBHOOK, **more: object) -> Target:
    """Make a target."""
    return Target(name, kind, url_env="URL", **more)  # type: ignore[arg-type]  # by field


def opened(id_: str, hours: int = 1) -> Opening:
    """Return an opening that lasts so long."""
    return Opening(
        window=window_of(id_),
        start=NOW,
        end=NOW + timedelta(hours=hours),
        zone=ZoneInfo("UTC"),
        day=NOW.date(),
        dst=None,
        pause_from=NOW,
    )


def failed(repository: str = "orders") -> dict[str, object]:
    """Return the keys of a failure in `night`."""
    return {
        "cluster": "prod",
        "repository": repository,
        "action": "pause",
        "error": "timeout",
        "windows": ["night"],
    }


def test_each_target_hears_what_it_asked_for(notifier: Notifier, mail: Mailbox) -> None:
    """Events and windows choose; a failure that goes on is told once."""
    notifier.aim(
        [
            target("urgent"),
            target("opened", events=frozenset({events.WINDOW_OPENED})),
            target("other", windows=("day",)),
        ]
    )

    for _ in range(3):
        notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed())
    notifier.hear(events.WINDOW_OPENED, Level.INFO, {"window": "night"})
    notifier.hear(events.CONFIG_REJECTED, Level.ERROR, {"path": "f", "faults": []})
    notifier.close(PATIENCE)

    assert sorted(mail.got) == [
        ("opened", "window.opened"),
        ("other", "config.rejected"),
        ("urgent", "config.rejected"),
        ("urgent", "repository.failed"),
    ]


def test_a_ping_follows_openings(notifier: Notifier, mail: Mailbox) -> None:
    """A ping is sent at the start, for a failure, and when nothing is held any more."""
    notifier.aim([target("ping", PING), target("elsewhere", PING, windows=("day",))])

    notifier.follow({NIGHT: opened(NIGHT)}, ())
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed())
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed("archive"))
    notifier.follow({}, {NIGHT})
    notifier.follow({}, ())
    notifier.close(PATIENCE)

    assert notifier.follows_openings
    assert mail.got == [("ping", RUN_STARTED), ("ping", RUN_FAILED), ("ping", RUN_SUCCEEDED)]


def test_a_silence_follows_what_is_open(notifier: Notifier, mail: Mailbox) -> None:
    """It is wanted at the opening and with each other end, and over then, whatever is held."""
    silenced = target("am", ALERTMANAGER, windows=("night",), matchers=("a=b",))
    notifier.aim([silenced])

    notifier.follow({NIGHT: opened(NIGHT), OTHER: opened(OTHER)}, ())
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed())
    notifier.follow({NIGHT: opened(NIGHT)}, ())
    notifier.follow({NIGHT: opened(NIGHT, hours=2)}, ())
    notifier.follow({}, {NIGHT})
    notifier.close(PATIENCE)

    assert mail.got == [
        ("am", SILENCES_KNOWN),
        ("am", SILENCE_WANTED),
        ("am", SILENCE_WANTED),
        ("am", SILENCE_OVER),
    ]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"name": "am", "proxy": "http://localhost:1"}, []),
        ({"name": "am", "matchers": ("c=d",)}, [SILENCE_OVER]),
        ({"name": "other"}, [SILENCE_OVER]),
    ],
)
def test_a_target_that_is_gone_leaves_no_silence(
    notifier: Notifier, mail: Mailbox, after: dict[str, Any], expected: list[Event]
) -> None:
    """What an edit takes away is not silenced any more, unless the same is silenced by another."""
    before = target("am", ALERTMANAGER, matchers=("a=b",))
    notifier.aim([before])
    notifier.follow({NIGHT: opened(NIGHT)}, ())
    begun = [("am", SILENCES_KNOWN), ("am", SILENCE_WANTED)]
    (goes,) = (each for each in threading.enumerate() if each.name == "notify am")

    notifier.aim([replace(before, **after)])
    goes.join()
    notifier.close(PATIENCE)

    assert mail.got == begun + [("am", event) for event in expected]


def test_a_stop_leaves_silences(notifier: Notifier, mail: Mailbox) -> None:
    """The next start goes on with what is open; what no daemon minds has its end."""
    notifier.aim([target("am", ALERTMANAGER, matchers=("a=b",))])
    notifier.follow({NIGHT: opened(NIGHT)}, ())

    notifier.close(PATIENCE)

    assert [event for _, event in mail.got] == [SILENCES_KNOWN, SILENCE_WANTED]


def test_an_edit_keeps_what_it_does_not_touch(notifier: Notifier, mail: Mailbox) -> None:
    """A target that stays goes on where it was; one that is gone hears nothing more."""
    stays, goes = target("stays"), target("goes")
    notifier.aim([stays, goes])
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed())

    notifier.aim([stays])
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed())
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed("archive"))
    notifier.close(PATIENCE)

    assert mail.got.count(("stays", "repository.failed")) == 2
    assert mail.got.count(("goes", "repository.failed")) <= 1


def test_a_bug_ends_no_pass(notifier: Notifier, mail: Mailbox, book: Book) -> None:
    """What goes wrong in here is said in the log, and whoever wrote the line goes on."""
    notifier.aim([target("t")])

    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, {"windows": [5]})
    notifier.hear(events.REPOSITORY_FAILED, Level.ERROR, failed())
    notifier.close(PATIENCE)

    assert mail.got == [("t", "repository.failed")]
    assert book.said[0] == ("critical", "notification.failed")


def test_every_line_of_the_log_is_heard(notifier: Notifier, mail: Mailbox, book: Book) -> None:
    """A tee writes each line and passes it on to its listeners, with its level."""
    notifier.aim([target("all", events=frozenset({A, B, C, D}))])
    tee: Log = TeeLog(book, notifier)

    tee.info(A)
    tee.warning(B)
    tee.error(C)
    tee.critical(D)
    notifier.close(PATIENCE)

    assert [event for _, event in mail.got] == ["a", "b", "c", "d"]
    assert [line for line in book.said if line[1] in "abcd"] == [
        ("info", "a"),
        ("warning", "b"),
        ("error", "c"),
        ("critical", "d"),
    ]


def test_what_cannot_be_sent_in_time_is_said(book: Book) -> None:
    """At a stop that a target holds up, the log says how much was lost."""
    begun, goes_on = threading.Event(), threading.Event()

    def hang(_: Target, __: Sequence[Notice]) -> None:
        begun.set()
        goes_on.wait(10)

    notifier = Notifier(Sender(hang, book, book.count, AT_ONCE), lambda: NOW, lambda _: frozenset())
    notifier.aim([target("t", events=frozenset({A}))])
    notifier.hear(A, Level.INFO, {})
    assert begun.wait(10)
    notifier.hear(A, Level.INFO, {})

    notifier.close(timedelta(0))
    goes_on.set()

    assert book.lines == [("error", "notification.dropped", {"target": "t", "notices": 1})]
