"""A rescue in virtual time: real passes on a modelled service, with nothing wanted any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.attempt import CallError
from daemon.core.record import Phase, Record, Suspicion
from daemon.core.repository import RepositoryKey, ScheduledRun
from daemon.core.vanished import was_held
from daemon.passes.dispatch import Clocks
from daemon.passes.recorders import Fate
from daemon.passes.rescue import Rescue, carry_out
from daemon.service.client import ServiceError
from daemon.service.cluster import ClusterSettings
from daemon.windows.window import CatchUp
from tests.unit.passes.rescue_scene import (
    ACTIVE,
    BEGIN,
    MINUTE,
    PAUSED,
    VirtualClocks,
    hang,
    hold,
    refusal,
    scene,
    suspected,
    told,
)


def test_what_is_held_is_resumed() -> None:
    """Holds are resumed although their opening goes on; what others paused is not touched."""
    stage = scene(hold(), hold("a", phase=Phase.RESUMING), orders=PAUSED, a=PAUSED, legacy=PAUSED)

    results = stage.play()

    assert told(results) == {"a": Fate.RESUMED, "orders": Fate.RESUMED}
    assert stage.cluster.states == {"orders": ACTIVE, "a": ACTIVE, "legacy": PAUSED}
    assert stage.book.records == {}


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.PAUSING])
def test_what_is_active_needs_no_call(phase: Phase) -> None:
    """A repository that is active is told as such, and not called."""
    stage = scene(hold(phase=phase), orders=ACTIVE)

    results = stage.play()

    assert told(results) == {"orders": Fate.ACTIVE}
    assert stage.cluster.sent == []
    assert stage.book.records == {}


def test_what_is_gone_gets_a_second_look() -> None:
    """A repository that the list lacks is given up only after a second look, 5 s later.

    A later rescue, or a daemon, still knows it, should it come back.
    """
    stage = scene(hold(), hold("a"), a=PAUSED)

    results = stage.play()

    assert told(results) == {"a": Fate.RESUMED, "orders": Fate.GONE}
    assert max(stage.clocks.waited) >= timedelta(seconds=5)
    assert [was_held(record) for record in stage.book.records.values()] == [True]
    stage.cluster.states["orders"] = PAUSED
    assert told(stage.play()) == {"orders": Fate.RESUMED}
    assert stage.book.records == {}


def test_a_second_look_finds_it() -> None:
    """A repository that only one list lacked is resumed at the second look."""
    stage = scene(hold())
    came_back = stage.clocks.wait

    async def wait(delay: timedelta) -> bool:
        if delay >= timedelta(seconds=5):
            stage.cluster.states["orders"] = PAUSED
        return await came_back(delay)

    rescue = Rescue(
        ClusterSettings("prod"),
        [hold()],
        stage.book,
        lambda _settings, _remember: stage.cluster,
        Clocks(stage.clocks.now, wait),
    )
    asyncio.run(rescue.run())

    assert told(rescue.results()) == {"orders": Fate.RESUMED}


def test_what_may_come_back_is_not_waited_for() -> None:
    """A list that lacks a repository whose call may still land is looked at twice, not for ever."""
    stage = scene(replace(hold(), suspect_pause=suspected().suspect_pause))

    (result,) = stage.play()

    assert result.fate is Fate.FAILED
    assert result.detail.startswith("the cluster does not list it")
    assert sum(stage.clocks.waited, timedelta(0)) < MINUTE / 2


def test_a_pause_that_never_left_is_not_ours() -> None:
    """What somebody paused after a pause of ours was refused is left alone, and given up."""
    stage = scene(hold(phase=Phase.PAUSING), orders=PAUSED)

    results = stage.play()

    assert told(results) == {"orders": Fate.NOT_OURS}
    assert stage.cluster.sent == []
    assert stage.book.records == {}


def test_a_refusal_is_told_and_the_hold_stays() -> None:
    """What cannot be resumed is told with error and message; the others do not suffer."""
    stage = scene(hold(), hold("a"), orders=PAUSED, a=PAUSED)
    stage.cluster.refused["resume orders"] = refusal()

    first, second = stage.play()

    assert (first.key.id, first.fate) == ("a", Fate.RESUMED)
    assert second.fate is Fate.FAILED
    assert second.detail.startswith("forbidden: you may not. The user needs the role")
    assert [record.key.id for record in stage.book.records.values() if record.is_hold] == ["orders"]
    assert stage.cluster.sent.count("resume orders") == 1


def test_an_effect_that_does_not_show_is_a_failure() -> None:
    """A call that was accepted and has no effect within 10 s has failed."""
    stage = scene(hold(), orders=PAUSED)
    stage.cluster.ignored.add("orders")

    (result,) = stage.play()

    assert result.fate is Fate.FAILED
    assert result.detail.startswith("unverified: ")
    assert timedelta(seconds=10) <= sum(stage.clocks.waited, timedelta(0)) < MINUTE


def test_a_cluster_that_does_not_answer_fails_all() -> None:
    """Without a list nothing is known: holds and suspicions are failures, with the reason."""
    stage = scene(hold(), suspected("a"), orders=PAUSED)
    stage.cluster.refused["list"] = ServiceError("prod", CallError.DNS, "no such host")

    results = stage.play()

    assert told(results) == {"a": Fate.FAILED, "orders": Fate.FAILED}
    assert all(result.detail.startswith("dns: no such host") for result in results)
    assert stage.cluster.sent == []


def test_a_suspicion_is_no_result_but_told() -> None:
    """A lost pause that has not landed is named with the instant until which it may."""
    stage = scene(suspected(), orders=ACTIVE)
    rescue = stage.rescue()
    asyncio.run(rescue.run())

    found = rescue.suspected(stage.clocks.now())

    assert rescue.results() == []
    assert found == {RepositoryKey("prod", "orders"): BEGIN + VirtualClocks().uptime + MINUTE}


def test_a_suspicion_of_an_earlier_boot_ends_with_its_span() -> None:
    """After a reboot the uptime tells how long a call may still land."""
    stage = scene(
        Record(RepositoryKey("prod", "orders"), suspect_pause=Suspicion("x", MINUTE, 70 * MINUTE)),
        orders=ACTIVE,
    )
    rescue = stage.rescue()
    asyncio.run(rescue.run())

    (until,) = rescue.suspected(stage.clocks.now()).values()

    assert until == BEGIN + 70 * MINUTE


def test_a_suspicion_that_is_over_is_forgotten() -> None:
    """A look after its end settles it: nothing is left to tell, and nothing in the ledger."""
    stage = scene(suspected(lasting=-MINUTE), orders=ACTIVE)
    rescue = stage.rescue()
    asyncio.run(rescue.run())

    assert (rescue.results(), rescue.suspected(stage.clocks.now())) == ([], {})
    assert stage.book.records == {}


def test_a_suspicion_of_what_is_not_listed_ends_all_the_same() -> None:
    """Where the list lacks the repository nothing is told of a suspicion that is over."""
    stage = scene(suspected(lasting=-MINUTE))
    rescue = stage.rescue()
    asyncio.run(rescue.run())

    assert (rescue.results(), rescue.suspected(stage.clocks.now())) == ([], {})


def test_a_lost_pause_that_landed_is_resumed() -> None:
    """A suspicion that turns out to be a pause of ours is resumed as a hold is."""
    stage = scene(suspected(), orders=PAUSED)

    assert told(stage.play()) == {"orders": Fate.RESUMED}
    assert stage.cluster.states == {"orders": ACTIVE}


def test_a_persons_word_outlives_it() -> None:
    """The openings in which a person overruled us are not forgotten."""
    stage = scene(suspected(yielded=("night@2026-11-22T00:00:00Z",)), orders=ACTIVE)

    stage.play()

    (record,) = stage.book.records.values()
    assert record.yielded == ("night@2026-11-22T00:00:00Z",)


def test_a_full_disk_stops_no_resume() -> None:
    """What the ledger does not take is resumed all the same, and the trouble is kept."""
    stage = scene(hold(), orders=PAUSED)
    stage.book.is_full = True
    rescue = stage.rescue()

    asyncio.run(rescue.run())

    assert told(rescue.results()) == {"orders": Fate.RESUMED}
    assert rescue.ledger_error == "the disk is full"


def test_nothing_leaves_once_it_is_stopped() -> None:
    """After an interrupt no call starts, and what is held stays so."""
    stage = scene(hold(), orders=PAUSED)
    stage.clocks.is_stopping = True

    (result,) = stage.play()

    assert (result.fate, result.detail) == (Fate.FAILED, "stopped before it was seen active")
    assert stage.cluster.sent == []
    assert [record.is_hold for record in stage.book.records.values()] == [True]


def test_backups_are_left_to_the_daemon() -> None:
    """What a window owes after a resume is not started in an emergency, but stays owed."""
    run = ScheduledRun(BEGIN, "daily", "BACKUP")
    stage = scene(hold(catch_up=CatchUp.MISSED, scheduled=(run,)), orders=PAUSED)

    rescue = stage.rescue()
    asyncio.run(rescue.run())

    assert told(rescue.results()) == {"orders": Fate.RESUMED}
    assert list(map(str, rescue.owed())) == ["prod/orders"]
    assert stage.cluster.sent == ["resume orders"]
    assert [record.backup_due is not None for record in stage.book.records.values()] == [True]


def test_a_backup_whose_turn_has_come_stays_owed() -> None:
    """Also in a later pass none is started, and what is missing still gets its second look."""
    owing = hold("a", catch_up=CatchUp.ALWAYS)
    stage = scene(hold(), owing, a=PAUSED)

    results = stage.play()

    assert told(results) == {"a": Fate.RESUMED, "orders": Fate.GONE}
    assert stage.cluster.sent == ["resume a"]
    owed = [record.key.id for record in stage.book.records.values() if record.backup_due]
    assert owed == ["a"]


def test_a_bug_on_one_cluster_is_raised_after_the_others() -> None:
    """A bug shows itself, but only when every other cluster has been served."""
    broken, good = scene(hold(), orders=PAUSED), scene(hold(), orders=PAUSED)
    broken.cluster.refused["list"] = RuntimeError("a bug")
    rescues = [broken.rescue(), good.rescue()]

    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(carry_out(rescues, _nothing))

    assert good.cluster.states == {"orders": ACTIVE}
    assert broken.cluster.was_cut
    assert told(rescues[0].results()) == {"orders": Fate.FAILED}


def test_one_that_hangs_delays_no_other() -> None:
    """While one cluster keeps silent, another one is served to its end."""
    silent, good = scene(hold(), orders=PAUSED), scene(hold(), orders=PAUSED)
    served = asyncio.Event()
    hang(silent, before=lambda: asyncio.wait_for(served.wait(), 60))
    hang(good, after=served.set)

    asyncio.run(carry_out([silent.rescue(), good.rescue()], _nothing))

    assert silent.cluster.states == good.cluster.states == {"orders": ACTIVE}


def _nothing() -> None:
    """Stop nothing: no wait of these clocks lasts."""
