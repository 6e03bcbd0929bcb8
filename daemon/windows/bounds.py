"""How much work a rule is: how often it opens, and how many of its openings are looked at together.

No file, no clock, no log. Whoever may write a rule may not fill the memory with its openings.
"""

from __future__ import annotations

from datetime import timedelta

from daemon.windows import expressions
from daemon.windows.rules import DAY, Cron, Once, Rrule, Rule

MOST_AT_ONCE = 10_000
"""How many openings of one window may be open, or paused for, at one time."""

MOST_TOGETHER = 300_000
"""How many openings of all windows of a file may have to be looked at together."""

_LOOK = 24
"""How many days are looked at together, beside those that an opening lasts."""


def most_a_day(rule: Rule) -> int:
    """Return how often *rule* opens on one day, at most."""
    match rule:
        case Cron(expression=expression):
            return expressions.cron_times_a_day(expression)
        case Rrule(recurrence=recurrence):
            return recurrence.most_a_day
        case _:
            return 1


def check_overlap(rule: Rule, pause_before: timedelta) -> None:
    """Raise ValueError for a rule of which too many openings would be open at one time."""
    if isinstance(rule, Once):
        return
    together = _days(rule, pause_before) * most_a_day(rule)
    if together > MOST_AT_ONCE:
        raise ValueError(
            f"{together:,} openings of it would be open, or paused for, at one time; at most"
            f" {MOST_AT_ONCE:,} are allowed: let it open less often, or for a shorter time"
        )


def looked_at(rule: Rule, pause_before: timedelta) -> int:
    """Return how many openings of *rule* are looked at together, at most."""
    if isinstance(rule, Once):
        return 1
    return (_LOOK + _days(rule, pause_before)) * most_a_day(rule)


def _days(rule: Rule, pause_before: timedelta) -> int:
    """Return for how many days an opening is held, rounded up."""
    return -(-(rule.longest + pause_before) // DAY)
