"""Which part of a cron expression is wrong, and what is allowed in its place."""

from __future__ import annotations

import pytest

from daemon.windows.cron_faults import explain
from daemon.windows.expressions import check_cron


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 24 * * *", "hour 24: 0 to 23"),
        ("60 2 * * *", "minute 60: 0 to 59"),
        ("0 2 0 * *", "day-of-month 0: 1 to 31"),
        ("0 2 32 * *", "day-of-month 32: 1 to 31"),
        ("0 2 * 13 *", "month 13: 1 to 12 or APR and the like"),
        ("0 2 * * 8", "day-of-week 8: 0 to 7 or FRI and the like"),
        ("0 2 * * mondy", "day-of-week mondy: 0 to 7 or FRI and the like"),
        ("0 2 * * sat#6", "day-of-week sat#6: 0 to 7 or FRI and the like"),
        ("0 1,25 * * *", "hour 25: 0 to 23"),
        ("0 20-25 * * *", "hour 20-25: 0 to 23"),
        ("0 5-2 * * *", "hour 5-2: 0 to 23"),
        ("*/0 2 * * *", "minute */0: 0 to 59"),
        ("60 24 * 13 *", "minute 60: 0 to 59; hour 24: 0 to 23; month 13: 1 to 12 or APR and the"),
        (f"{'9' * 900} 2 * * *", f"minute {'9' * 20}: 0 to 59"),
        ("1,,2 2 * * *", "minute (empty): 0 to 59"),
        # Of what other programs know beyond crontab(5), this is what this one does not.
        ("0 2 * * satL", "day-of-week satL: 0 to 7 or FRI and the like"),
        ("0 2 * * L", "day-of-week L: 0 to 7 or FRI and the like"),
        ("0 2 15W * *", "day-of-month 15W: 1 to 31"),
        ("0 2 * 5L *", "month 5L: 1 to 12 or APR and the like"),
    ],
)
def test_each_bad_part_is_named_with_its_range(expression: str, expected: str) -> None:
    """The value that is there, and which are allowed, for every part that is wrong."""
    with pytest.raises(ValueError, match="to") as raised:
        check_cron(expression)

    assert expected in str(raised.value)


@pytest.mark.parametrize(
    "expression",
    ["0 22 * * sat", "*/25 2-4 1,15 jan-mar 7", "0 2 LW * *", "0 2 * * 5L,sat#1", "0 2 * * *"],
)
def test_nothing_is_wrong_with_what_is_accepted(expression: str) -> None:
    """What is accepted has no bad part."""
    check_cron(expression)

    assert explain(expression) == ""
