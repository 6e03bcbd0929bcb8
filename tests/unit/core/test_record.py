"""What a record remembers of the runs that a pause cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.decide import Pause, decide
from daemon.core.record import Phase
from daemon.core.repository import ScheduledRun
from tests.unit.core.test_decide import KEY, NOW, START, desired, held, seen

MISSED = ScheduledRun(START + timedelta(minutes=30), "hourly", "BACKUP")
COMING = replace(MISSED, next_run=NOW.wall + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.PAUSED, (MISSED, COMING)),
        (Phase.RESUMING, (MISSED, COMING)),
        (Phase.PAUSING, (COMING,)),
    ],
    ids=["a person resumed it", "an opening follows", "it was not paused"],
)
def test_a_pause_that_goes_on_costs_what_it_cost_before(
    phase: Phase, expected: tuple[ScheduledRun, ...]
) -> None:
    """What fell due before somebody ended the pause for a moment is missed all the same."""
    record = held(phase, scheduled=(MISSED,))
    observed = replace(seen("active"), scheduled=(COMING,))

    decision = decide(KEY, desired(enforce=True), observed, record, NOW)

    assert isinstance(decision, Pause)
    assert decision.record.scheduled == expected
