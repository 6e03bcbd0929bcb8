"""Which lanes there are: of clusters that the file no longer names, those that are still needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from daemon.config.settings import Settings
from daemon.core.attempt import Action
from daemon.core.record import Record
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.core.shares import Lease
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import OwnFleet
from daemon.fleet.lane import Lane, LaneParts
from daemon.fleet.lanes import Lanes
from daemon.passes.holdings import Holdings
from daemon.passes.rules import Rules
from daemon.service.client import WithheldError
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline
from tests.unit.fleet.test_lane import HOLD, RULES, Stage, nothing, play, settled

EMPTY = Rules(Timeline(()), resync=timedelta(seconds=30), max_pause=timedelta(days=1))
PROD = ClusterSettings("prod", ("http://x",))


async def withheld(*_: object) -> bool:
    """Let nothing leave, as for a pass that is to end."""
    raise WithheldError


def settings(clusters: Mapping[str, ClusterSettings]) -> Settings:
    """Have nothing but clusters in a file."""
    return cast("Settings", SimpleNamespace(clusters=clusters))


def lanes(stage: Stage, rules: Callable[[], Rules]) -> Lanes:
    """Make lanes that all reach the cluster of *stage*."""
    parts = LaneParts(
        connect=lambda *_: stage.service,  # type: ignore[arg-type]
        log=stage.log,
        clock=stage.now,
        alarms=Alarms(lambda: stage.now().wall),
        rules=rules,
        before_pass=nothing,
        hand_over=lambda _: None,
        is_expecting=lambda name: made.is_expecting(name),  # noqa: PLW0108  # made below
    )

    def make(
        settings: ClusterSettings, records: Iterable[Record], lease: Lease | None, _: object
    ) -> Lane:
        return Lane(settings, Holdings(stage.book, records), parts, lease)

    made = Lanes(make)
    return made


def test_a_removed_cluster_is_let_go_of_after_its_pass() -> None:
    """A pass that was under way by the old rules leaves no record that nobody goes on from."""

    async def act() -> None:
        stage, rules = Stage(), RULES
        listed: tuple[ObservedRepository, ...] = ()

        async def repositories(*_: object) -> tuple[ObservedRepository, ...]:
            await stage.service.gate.wait()
            return listed

        stage.service.repositories = repositories  # type: ignore[assignment,method-assign]
        stage.service.pause = withheld  # type: ignore[attr-defined]
        fleet = OwnFleet(lanes(stage, lambda: rules), ())
        fleet.assign({"prod": PROD}, {})
        await settled()
        stage.service.gate.clear()
        fleet.lanes.wake()
        await settled()

        rules, listed = EMPTY, (ObservedRepository("orders", RepositoryState.ACTIVE),)
        fleet.assign({}, {"prod": PROD})
        fleet.keep_up()
        stage.service.gate.set()
        await settled()
        fleet.keep_up()
        await settled()

        written = {key: record for save in stage.book.saves for key, record in save.items()}
        assert not [key for key, record in written.items() if not record.is_spent]
        assert not fleet.lanes.names()

    play(act())


def test_a_renamed_cluster_keeps_its_successor() -> None:
    """Another reload, while the old name's last pass takes long, does not let it go on alone.

    By the new rules it would resume what is held.
    """

    async def act() -> None:
        stage = Stage()
        fleet = OwnFleet(lanes(stage, lambda: RULES), [HOLD])
        fleet.assign({"prod": PROD}, {})
        await settled()
        stage.service.gate.clear()
        fleet.lanes.wake()
        await settled()

        clusters = {"main": replace(PROD, name="main")}
        fleet.prepare(settings(clusters))
        fleet.assign(clusters, {"prod": PROD})
        main = fleet.lanes.get("main")
        assert main
        main.suspect("orders", Action.PAUSE)
        stage.service.gate.set()
        await settled()
        stage.service.gate.clear()
        fleet.prepare(settings(clusters))

        prod = fleet.lanes.get("prod")
        assert prod
        assert prod.successor == "main"
        fleet.prepare(settings({"prod": PROD, **clusters}))
        assert prod.successor is None

    play(act())


def test_what_comes_to_an_idle_lane_is_counted() -> None:
    """A hold that goes on under another name is counted, even if a stop comes before its pass."""

    async def act() -> None:
        stage = Stage()
        fleet = OwnFleet(lanes(stage, lambda: EMPTY), ())
        fleet.assign({"prod": PROD}, {})
        await settled()
        fleet.lanes.settle()
        before = fleet.holds

        fleet.adopt([HOLD], {})
        await fleet.stop(timedelta(seconds=10))

        assert (before, fleet.holds) == (0, 1)

    play(act())


def test_what_is_handed_to_a_lane_that_would_go_keeps_it() -> None:
    """Records that come in the very tick in which a removed cluster has nothing left stay with it.

    Its lane would end, and take them along.
    """

    async def act() -> None:
        stage = Stage()
        fleet = OwnFleet(lanes(stage, lambda: RULES), ())
        fleet.assign({"prod": PROD}, {})
        await settled()
        fleet.assign({}, {"prod": PROD})
        await settled()

        stage.service.gate.clear()
        fleet.adopt([HOLD], {"prod": PROD})
        fleet.keep_up()
        await settled()

        assert [hold.key for hold in fleet.lanes.holds()] == [HOLD.key]
        stage.service.gate.set()
        await settled()
        assert fleet.lanes.names() == {"prod"}

    play(act())


def test_a_new_name_waits_for_what_the_old_one_holds() -> None:
    """Until the records have moved the new name makes no pass: they would overwrite its own."""

    async def act() -> None:
        stage = Stage()
        fleet = OwnFleet(lanes(stage, lambda: RULES), [HOLD])
        fleet.assign({"prod": PROD}, {})
        await settled()
        stage.service.gate.clear()
        fleet.lanes.wake()
        await settled()
        begun = stage.service.looks

        clusters = {"main": replace(PROD, name="main")}
        fleet.prepare(settings(clusters))
        fleet.assign(clusters, {"prod": PROD})
        await settled()
        assert stage.service.looks == begun

        stage.service.gate.set()
        await settled()
        assert "main/orders" in stage.book.saves[-1]
        fleet.lanes.wake()
        await settled()
        assert stage.service.looks == begun + 1

    play(act())
