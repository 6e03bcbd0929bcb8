"""How far one looks ahead for the next opening of a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.rules import Cron, Once, Rule
from daemon.windows.timeline import LOOK_AHEAD, ahead
from daemon.windows.window import Window

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(rule: Rule) -> Window:
    """Return a window with this rule, in Berlin."""
    return Window("w", rule, ZoneInfo("Europe/Berlin"), ())


@pytest.mark.parametrize(
    "rule",
    [
        Cron("30 23 * * *", 2 * HOUR),
        Cron("0 0 1 * *", 40 * 24 * HOUR),
        Cron("0 2 25 12 *", HOUR),
        Once(NOW - HOUR, None, 3 * HOUR),
        Once(NOW - HOUR, None, 500 * 24 * HOUR),
        Once(NOW - 2 * HOUR, None, HOUR),
        Once(NOW + LOOK_AHEAD, None, HOUR),
    ],
    ids=str,
)
def test_looking_further_bit_by_bit_sees_the_same(rule: Rule) -> None:
    """What lies ahead is what one look over the whole time would show, each opening once."""
    opening = window(rule)

    assert list(ahead(opening, NOW)) == opening.openings(NOW, NOW + LOOK_AHEAD)


def test_a_disabled_window_has_nothing_ahead() -> None:
    """A window that is disabled does not open."""
    disabled = Window("w", Cron("* * * * *", HOUR), ZoneInfo("UTC"), (), enabled=False)

    assert not list(ahead(disabled, NOW))
