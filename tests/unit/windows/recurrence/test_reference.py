"""The product against a brute-force reading of the RFC, on random rules of the whole grammar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.rules import Rrule, intervals
from tests.unit.windows.recurrence.random_rules import LENGTHS, draw
from tests.unit.windows.recurrence.reference import DAY, MINUTE, Given, starts

LENGTH = 10 * MINUTE


def opened(rule: Rrule, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return when the openings that meet `[start, end)` begin, each instant once."""
    return sorted({each.start for each in intervals(rule, zone, start, end)})


def made(given: Given) -> Rrule | None:
    """Return the rule; None if it is refused because it never fires."""
    try:
        return Rrule(str(given), given.begin, LENGTH)
    except ValueError as exc:
        if "never fires" not in str(exc):
            raise
        return None


def compare(random: Random) -> bool:
    """Compare a random rule with the reference, asked for at once and in parts.

    Returns whether it opens at all in the time that was looked at.
    """
    given, zone = draw(random)
    days = LENGTHS[given.frequency]
    start = given.begin.replace(tzinfo=UTC) - 2 * DAY
    end = start + days * DAY
    expected = [at for at in starts(given, zone, end.replace(tzinfo=None) + 2 * DAY) if at < end]
    seen = f"{given} from {given.begin} in {zone}"
    rule = made(given)
    if rule is None:
        assert not expected, seen
        return False

    assert opened(rule, zone, start, end) == expected, seen

    for _ in range(3):
        first = start + random.randrange(days * 24 * 60) * MINUTE
        last = min(first + timedelta(minutes=random.choice((1, 60, 1440, 20_000))), end)
        middle = first + (last - first) * random.random()
        asked = [*opened(rule, zone, first, middle), *opened(rule, zone, middle, last)]
        meeting = [at for at in expected if at + LENGTH > first and at < last]
        assert sorted(set(asked)) == meeting, seen
    return bool(expected)


@pytest.mark.parametrize("seed", range(8))
def test_random_rules(seed: int) -> None:
    """Each opens when brute force says it does, wherever one begins to look and to stop."""
    random = Random(seed)  # noqa: S311  # no secret

    opening = sum(compare(random) for _ in range(250))

    assert opening > 100


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 150))
def test_many_random_rules(seed: int) -> None:
    """The same for fifty thousand rules."""
    random = Random(seed)  # noqa: S311  # no secret

    opening = sum(compare(random) for _ in range(1_000))

    assert opening > 400
