"""`cbmaintd wait`, and what is the same with `--wait`: when it ends, and what it says then."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.commands.wait import PauseWatch, ResumeWatch
from daemon.cli.schedule import Schedule
from daemon.cli.standing import Standing
from daemon.core.listing import Listing
from daemon.core.progress import MISSING, ClusterView, progress
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News
from daemon.core.unreachable import Unreachable
from daemon.errors import HostError
from daemon.ledger.ledger import Ledger
from daemon.ledger.state import DaemonState, Reading
from daemon.windows.overrides import Override, OverrideKind, in_force
from daemon.windows.rules import Cron, Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window
from tests.unit.cli.commands.planned import NOW as TODAY
from tests.unit.cli.commands.planned import Ask

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
END = START + 2 * HOUR
ID = "w@2026-11-23T12:00:00Z"
NIGHT = Window("w", Once(START, END), ZoneInfo("UTC"), (("prod", Patterns(("*", "gone"))),))
TWICE = replace(NIGHT, rule=Cron("0 11,12 * * *", 2 * HOUR), targets=(("prod", Patterns(("*",))),))
DEADLINE = START + 2 * MINUTE


def standing(
    now: datetime = START,
    *records: Record,
    window: Window = NIGHT,
    listing: Listing | None = None,
    decisions: tuple[Override, ...] = (),
    silent: Unreachable | None = None,
) -> Standing:
    """Return how things stand with prod, which was listed if a *listing* is given."""
    timeline = Timeline(in_force([window], decisions, ZoneInfo("UTC")))
    planned = Schedule(None, decisions, timeline)
    of_prod = {record.key.id: record for record in records}
    view = ClusterView("prod", listing, of_prod, silent)
    return Standing(
        now,
        planned,
        DaemonState(True, 1, "h", None, Reading()),
        list(records),
        {"prod": listing} if listing else {},
        [silent] if silent else [],
        progress(planned.timeline, [view], now),
    )


def listed(*ids: str, openings: tuple[str, ...] = (ID,)) -> Listing:
    """Return a list of these repositories, taken since the openings began."""
    return Listing(frozenset(ids), frozenset(openings))


def held(id_: str, *openings: str, phase: Phase = Phase.PAUSED, **keys: Any) -> Record:
    """Return a hold of prod."""
    return Record(RepositoryKey("prod", id_), phase, openings=openings or (ID,), **keys)


def extended(end: datetime) -> tuple[Override, ...]:
    """Return the decision that the usual opening ends then."""
    return (Override(OverrideKind.EXTEND, "w", START, end, START, "me@here"),)


def test_what_is_paused_is_done_and_the_rest_has_its_reason() -> None:
    """Progress counts what is done; what waiting will not change is marked as such."""
    seen = standing(START, held("a"), held("b", phase=Phase.PAUSING), listing=listed("a", "b"))

    found = PauseWatch("w", DEADLINE).look(seen)

    assert found.done == 1
    assert [(str(each), each.why, each.is_final) for each in found.pending] == [
        ("prod/b", "is being paused", False),
        ("prod/gone", MISSING, True),
    ]


def test_a_cluster_that_was_never_reached_is_pending_as_a_whole() -> None:
    """Its outage is the reason, and it may end, so that waiting goes on."""
    down = Unreachable("prod", "refused", "", START)

    found = PauseWatch("w", DEADLINE).look(standing(silent=down))

    # What is plainly named is known to be wanted; what else there is nobody knows.
    assert {each.cluster for each in found.pending} == {"prod"}
    assert {each.why for each in found.pending} == {"prod does not answer (refused)"}
    assert not any(each.is_final for each in found.pending)


def test_a_window_that_overlaps_itself_is_paused_when_its_last_opening_is() -> None:
    """What the one before had paused is not all that this one may be for."""
    earlier = "w@2026-11-23T11:00:00Z"
    before = standing(
        START, held("a", earlier), window=TWICE, listing=listed("a", openings=(earlier,))
    )
    after = standing(
        START, held("a", earlier, ID), window=TWICE, listing=listed("a", openings=(earlier, ID))
    )
    watch = PauseWatch("w", DEADLINE)

    first, second = watch.look(before), watch.look(after)

    assert [str(each) for each in first.pending] == ["prod"]
    assert (second.pending, second.summary) == ([], "1 paused: prod/a")


def test_where_tasks_still_run_is_told_with_what_is_paused() -> None:
    """A pause does not end a backup that runs; whoever waits for the pause should know."""
    busy = held("a", running=("full",))

    found = PauseWatch("w", DEADLINE).look(
        standing(START, busy, held("gone"), listing=listed("a", "gone"))
    )

    assert found.summary == "2 paused: prod/a, prod/gone; tasks still run on prod/a"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (START - HOUR, "w is not open now; it opens Mon 2026-11-23 12:00 UTC"),
        (END, "w is not open now"),
    ],
)
def test_what_does_not_open_in_time_is_said_at_once(now: datetime, said: str) -> None:
    """Nobody waits in vain; when it opens next is told, if it does."""
    watch = PauseWatch("w", now + 2 * MINUTE)

    with pytest.raises(HostError) as caught:
        watch.look(standing(now))

    assert str(caught.value) == said


def test_what_opens_in_time_is_waited_for() -> None:
    """Who waits a minute before it opens gets what was meant."""
    watch = PauseWatch("w", DEADLINE)

    (pending,) = watch.look(standing(START - MINUTE)).pending

    assert pending.why == "it is not open yet; it opens Mon 2026-11-23 12:00 UTC"


def test_an_end_is_the_end_of_the_wait() -> None:
    """A window that is closed meanwhile will not be paused any more; one that is extended may."""
    watch = PauseWatch("w", END + HOUR)
    watch.look(standing(START))

    later = watch.look(standing(END + MINUTE, decisions=extended(END + HOUR)))
    with pytest.raises(HostError, match="not paused: w is over"):
        watch.look(standing(START + MINUTE, decisions=extended(START + MINUTE)))

    assert later.pending


@pytest.mark.parametrize("watch", [PauseWatch("w", DEADLINE), ResumeWatch("w", DEADLINE)])
def test_without_a_daemon_nothing_will_happen(watch: PauseWatch | ResumeWatch) -> None:
    """That is said at once, with what to do, and names what is not there."""
    seen = standing(START, held("a", phase=Phase.PAUSING))

    with pytest.raises(HostError, match="no daemon runs on this ledger: start cbmaintd run"):
        watch.look(replace(seen, daemon=replace(seen.daemon, running=False)))


def test_a_resume_waits_for_the_end_and_then_for_each() -> None:
    """While it is open its end is the reason, then each repository's own; at last all are named."""
    watch = ResumeWatch("w", END + MINUTE)
    failing = held("b", phase=Phase.RESUMING, last_error="timeout")

    open_ = watch.look(standing(START, held("a"), held("b")))
    ended = watch.look(standing(END, failing))
    over = watch.look(standing(END + MINUTE))

    assert {each.why for each in open_.pending} == {"it is open until Mon 2026-11-23 14:00 UTC"}
    assert [(str(each), each.why) for each in ended.pending] == [("prod/b", "it failed (timeout)")]
    assert (ended.done, over.done, over.pending) == (1, 2, [])
    assert over.summary == "w: 2 resumed: prod/a, prod/b"


def test_what_another_window_holds_is_not_resumed_for_it() -> None:
    """It is done, since nothing is held for this window, and said that the other one has it."""
    watch = ResumeWatch("w", END + MINUTE, seen={"prod/a"})

    found = watch.look(standing(END, held("a", "other@2026-11-23T12:00:00Z")))

    assert found.pending == []
    assert found.summary == "w: paused for other windows: prod/a"


def test_nothing_held_is_nothing_to_wait_for() -> None:
    """An opening that is over, and had nothing, is resumed."""
    assert ResumeWatch("w", END).look(standing(END)).summary == "w: nothing is held"


def test_a_pattern_that_nothing_matches_is_nothing_to_pause() -> None:
    """That is no failure, and it is not passed over."""
    mistyped = replace(NIGHT, targets=(("prod", Patterns(("tennant-*",))),))

    found = PauseWatch("w", DEADLINE).look(standing(window=mistyped, listing=listed("a")))

    assert found.summary == "there is nothing to pause: nothing matches on prod"


OPENED = Override(
    *(OverrideKind.OPEN, "hot", TODAY - MINUTE, TODAY + HOUR, TODAY, "me@here", ""),
    (("prod", Patterns(("orders", "gone"))),),
)
HOT = f"hot@{OPENED.start:%Y-%m-%dT%H:%M:%SZ}"
OF_THE_FILE = f"night@{TODAY - HOUR:%Y-%m-%dT%H:%M:%SZ}"


def keep(ledger: Ledger, listing: Mapping[str, Phase]) -> None:
    """Have the ledger say that prod was listed, and how its repositories are held."""
    records = [held(id_, HOT, phase=phase) for id_, phase in listing.items()]
    ledger.add_override(OPENED)
    ledger.save(records, (), [News("prod", listed(*listing, openings=(HOT, OF_THE_FILE)))])


def test_a_repository_that_no_cluster_has_is_said_at_once_and_once(
    ledger: Ledger, ask: Ask
) -> None:
    """Nobody waits two minutes for it when all the rest is paused; it ends in one line."""
    keep(ledger, {"orders": Phase.PAUSED})

    done = ask("wait", "hot", "--timeout", "30s")

    assert (done.code, done.out) == (1, "")
    assert done.err == f"cbmaintd: not paused: prod/gone ({MISSING})\n"


def test_it_is_said_before_the_rest_is_paused(ledger: Ledger, ask: Ask) -> None:
    """While others are awaited, what will never come is told as soon as it is known."""
    keep(ledger, {"orders": Phase.PAUSING})

    done = ask("wait", "hot", "--timeout", "500ms")

    assert done.code == 1
    assert done.err.splitlines() == [
        f"cbmaintd: prod/gone: {MISSING}",
        f"cbmaintd: not paused: prod/gone, prod/orders ({MISSING}; is being paused)",
    ]


def test_an_unknown_window_is_bad_usage(ledger: Ledger, ask: Ask) -> None:
    """The nearest name that there is helps; the ledger is left as it is."""
    done = ask("wait", "nigth")

    assert done.code == 2
    assert 'there is no window nigth; did you mean "night"?' in done.err
    assert ledger.overrides() == []


def test_what_was_resumed_before_the_first_look_is_told(
    ledger: Ledger, ask: Ask, tmp_path: Path
) -> None:
    """`close --wait` names what was held when it was decided, however fast the daemon is."""
    keep(ledger, {"orders": Phase.PAUSED})
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        # Resumes what is held as soon as the decision is there.
        database.execute(
            "CREATE TRIGGER fast AFTER INSERT ON override WHEN NEW.kind = 'close'"
            " BEGIN DELETE FROM record; END"
        )
        database.commit()

    done = ask("close", "hot", "--wait")

    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("\nhot: 1 resumed: prod/orders\n")
