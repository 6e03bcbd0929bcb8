"""Passes over a cluster whose list lacks rows, or is out of date: another look decides."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from daemon.log import events
from daemon.passes.looks import CONFIRMED_AFTER
from tests.unit.passes.protocol_machine import once
from tests.unit.passes.rescue_scene import ACTIVE, PAUSED
from tests.unit.passes.test_looks import MINUTE, Stage


def test_a_list_that_lacks_rows_for_a_while() -> None:
    """What vanishes and comes back paused is held again, and resumed: during its opening or after.

    A window for all of it has no repository that is missing meanwhile.
    """
    stage = Stage(windows=[once("night", 60, 70)], orders=ACTIVE, archive=ACTIVE)
    stage.make_passes(timedelta(minutes=5))

    stage.cluster.hidden = frozenset({"orders", "archive"})
    stage.make_passes(2 * MINUTE)
    stage.cluster.hidden = frozenset({"archive"})
    stage.make_passes(timedelta(minutes=10))
    stage.cluster.hidden = frozenset()
    stage.make_passes(timedelta(minutes=10))

    assert stage.left == [("archive", "gone"), ("orders", "gone")]
    assert not stage.log.of(events.REPOSITORY_FAILED)
    assert [line["repository"] for line in stage.log.of(events.REPOSITORY_PAUSED)] == [
        *("archive", "orders"),
        "orders",
    ]
    assert set(stage.cluster.states.values()) == {ACTIVE}
    assert stage.holdings.records() == []


@pytest.mark.parametrize("minute", [65, 70], ids=["in its opening", "at its end"])
def test_one_look_does_not_end_a_hold(minute: int) -> None:
    """A node that is behind shows as active what is paused: nothing is concluded from one look."""
    stage = Stage(windows=[once("night", 60, 70)], orders=ACTIVE)
    stage.make_passes(minute * MINUTE - stage.clocks.uptime)
    stage.cluster.states["orders"] = ACTIVE
    asyncio.run(stage.controller.run_pass(stage.rules, is_urgent=False))
    stage.cluster.states["orders"] = PAUSED
    stage.make_passes(timedelta(minutes=15))

    assert stage.cluster.sent == ["pause orders", "resume orders"]
    assert not stage.log.of(events.REPOSITORY_DRIFTED)
    assert not stage.left
    assert stage.holdings.records() == []


def test_two_looks_show_that_a_person_resumed() -> None:
    """A second look is taken a second later, and what both show is so."""
    stage = Stage(windows=[once("night", 60, 90)], orders=ACTIVE)
    stage.make_passes(5 * MINUTE)
    stage.cluster.states["orders"] = ACTIVE

    dues = [
        asyncio.run(stage.controller.run_pass(stage.rules, is_urgent=False)),
    ]
    early = stage.log.of(events.REPOSITORY_DRIFTED)
    stage.clocks.uptime += CONFIRMED_AFTER
    dues.append(asyncio.run(stage.controller.run_pass(stage.rules, is_urgent=False)))

    assert dues == [CONFIRMED_AFTER, None]
    assert (len(early), len(stage.log.of(events.REPOSITORY_DRIFTED))) == (0, 1)
