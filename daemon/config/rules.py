"""The kinds of rules in schedules.yaml: the keys of each, and the rule that they make.

A new kind is one more section here, a field of `RuleKeys`, and its class in `windows/rules.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from daemon.config import fields
from daemon.config.fields import OneOrMore, Section, Whole, optional
from daemon.windows.rules import Cron, Monthly, Once, Rrule, Rule, Weekly

WeekdayList = Annotated[tuple[fields.Weekdays, ...], OneOrMore("day")]
MonthDays = Annotated[tuple[fields.OnDay, ...], OneOrMore("day of the month")]


class RuleSection(Section):
    """A section that says when a window opens."""

    # The key to blame when the values, each right, make no rule together.
    blamed: ClassVar[str]

    @abstractmethod
    def to_rule(self) -> Rule | None:
        """Return the rule; None if a key is missing or one too many. Raises ValueError."""


class WeeklySection(RuleSection):
    """Opens on days of the week."""

    required = ("days", "start")
    exactly_one = ("end", "duration")
    blamed = "end"

    days: WeekdayList | None = optional(
        "monday or mon, mon-fri, daily, weekdays, weekend.", ["mon-fri"], "weekend"
    )
    start: fields.Start | None = optional("Time of day.", "23:30")
    end: fields.End | None = optional(
        fields.END_MEANS, "02:00", "24:00", "monday 06:00", "+2d 06:00"
    )
    duration: fields.Length | None = optional("Elapsed time.", "2h")

    def to_rule(self) -> Rule | None:
        """Return the rule, unless something is missing."""
        if self.days is None or self.start is None or not _has_one(self.end, self.duration):
            return None
        days = frozenset[int]().union(*self.days)
        return Weekly(days, self.start, self.end, self.duration)


class MonthlySection(RuleSection):
    """Opens on days of the month."""

    required = ("on", "start")
    exactly_one = ("end", "duration")
    blamed = "end"

    on: MonthDays | None = optional(
        "1 to 31, -1 (last) to -31, or first..fourth|last DAYNAME.", ["second tuesday"], -1
    )
    offset_days: Annotated[int, Whole(-31, 31)] | None = optional("Days after `on` (default 0).", 2)
    start: fields.Start | None = optional("Time of day.", "20:00")
    end: fields.End | None = optional(fields.END_MEANS, "24:00", "monday 06:00", "+2d 06:00")
    duration: fields.Length | None = optional("Elapsed time.", "3h")

    def to_rule(self) -> Rule | None:
        """Return the rule, unless something is missing."""
        if self.on is None or self.start is None or not _has_one(self.end, self.duration):
            return None
        # Each once: a list may have thousands, of which there are not a hundred different ones.
        on = tuple(dict.fromkeys(self.on))
        return Monthly(on, self.offset_days or 0, self.start, self.end, self.duration)


class CronSection(RuleSection):
    """Opens whenever a cron expression fires."""

    required = ("expression", "duration")
    blamed = "expression"

    expression: fields.AnyText | None = optional(
        "Five fields as in crontab(5), in the window's zone.", "0 22 * * sat"
    )
    duration: fields.Length | None = optional("Elapsed time.", "4h")

    def to_rule(self) -> Rule | None:
        """Return the rule, unless something is missing."""
        if self.expression is None or self.duration is None:
            return None
        return Cron(self.expression, self.duration)


class RruleSection(RuleSection):
    """Opens on the instances of an RFC 5545 rule."""

    required = ("rule", "from", "duration")
    blamed = "rule"

    rule: fields.AnyText | None = optional(
        "RRULE without SECONDLY and MINUTELY.", "FREQ=MONTHLY;INTERVAL=3;BYDAY=-1SU"
    )
    from_: fields.Local | None = optional("DTSTART, local time.", "2026-01-25T02:00", alias="from")
    duration: fields.Length | None = optional("Elapsed time.", "6h")

    def to_rule(self) -> Rule | None:
        """Return the rule, unless something is missing."""
        if self.rule is None or self.from_ is None or self.duration is None:
            return None
        return Rrule(self.rule, self.from_, self.duration)


class OnceSection(RuleSection):
    """Opens a single time."""

    required = ("start",)
    exactly_one = ("end", "duration")
    blamed = "end"

    start: fields.Instant | None = optional(
        "Local time, or RFC 3339 with an offset.", "2026-12-24T18:00", "2026-12-24T18:00:00+01:00"
    )
    end: fields.Instant | None = optional(
        "Local time, or RFC 3339 with an offset.", "2026-12-27T06:00"
    )
    duration: fields.Length | None = optional("Elapsed time.", "1d12h")

    def to_rule(self) -> Rule | None:
        """Return the rule, unless something is missing."""
        if self.start is None or not _has_one(self.end, self.duration):
            return None
        return Once(self.start, self.end, self.duration)


def _has_one(end: object, duration: object) -> bool:
    return (end is None) is not (duration is None)


class RuleKeys(Section):
    """The key of each kind of rule; a window has exactly one of them."""

    weekly: WeeklySection | None = optional(
        "By days of the week.", {"days": ["sunday"], "start": "02:00", "end": "06:00"}
    )
    monthly: MonthlySection | None = optional(
        "By days of the month.", {"on": [1], "start": "02:00", "duration": "2h"}
    )
    cron: CronSection | None = optional(
        "By a cron expression.", {"expression": "0 22 * * sat", "duration": "4h"}
    )
    rrule: RruleSection | None = optional(
        "By an RFC 5545 rule.",
        {"rule": "FREQ=WEEKLY;INTERVAL=2", "from": "2026-01-25T02:00", "duration": "6h"},
    )
    once: OnceSection | None = optional(
        "Once, at a given time.", {"start": "2026-12-24T18:00", "end": "2026-12-27T06:00"}
    )
