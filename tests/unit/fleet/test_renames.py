"""Renames survive the machine, and the machine notices when they are broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from daemon.config.settings import Settings
from daemon.core.record import Record
from daemon.fleet.fleet import OwnFleet
from daemon.fleet.lanes import Lanes
from daemon.passes.holdings import Holdings
from tests.unit.fleet.rename_machine import RenameMachine
from tests.unit.passes.protocol_world import ViolatedError

SHORT = settings(
    max_examples=200,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
HUNT = settings(SHORT, max_examples=4000, phases=[Phase.generate], report_multiple_bugs=False)


@pytest.mark.timeout(1800)
def test_renames_survive_everything() -> None:
    """Whatever comes between, what is held goes on under the name that the file has."""
    run_state_machine_as_test(RenameMachine, settings=SHORT)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_renames_survive_everything_for_long() -> None:
    """The same with many more examples."""
    run_state_machine_as_test(RenameMachine, settings=settings(SHORT, max_examples=5_000))


class Forgetful(OwnFleet):
    """Does not look for other names before the rules change."""

    def prepare(self, settings: Settings) -> None:
        """Do nothing."""


class Stubborn(OwnFleet):
    """Takes no rename back."""

    def prepare(self, settings: Settings) -> None:
        """Keep every successor."""
        before = {lane.settings.name: lane.successor for lane in self.lanes}
        super().prepare(settings)
        for lane in self.lanes:
            lane.successor = lane.successor or before[lane.settings.name]


class Trusting(Holdings):
    """Takes a hand-over that was answered with an error for one that was not written."""

    async def hand_over(self, renamed: Mapping[str, Record]) -> None:
        """Recall nothing."""
        try:
            await super().hand_over(renamed)
        finally:
            self._recalled.clear()


def expects_nothing(_lanes: Lanes, _name: str) -> bool:
    """Let a new name make its passes while the old one still holds."""
    return False


BROKEN: dict[str, tuple[str, Any]] = {
    "a rename is a removal": (
        "tests.unit.fleet.rename_machine.RenameMachine.fleet_class",
        Forgetful,
    ),
    "no rename is taken back": (
        "tests.unit.fleet.rename_machine.RenameMachine.fleet_class",
        Stubborn,
    ),
    "a late hand-over is not recalled": (
        "tests.unit.fleet.rename_machine.RenameMachine.holdings_class",
        Trusting,
    ),
    "the new name does not wait": ("daemon.fleet.lanes.Lanes.is_expecting", expects_nothing),
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rename_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to break renames makes the machine fail with the invariant that it breaks."""
    target, replacement = BROKEN[name]
    monkeypatch.setattr(target, replacement)

    with pytest.raises(ViolatedError, match=r"^R[1-6]: "):
        run_state_machine_as_test(RenameMachine, settings=HUNT)
