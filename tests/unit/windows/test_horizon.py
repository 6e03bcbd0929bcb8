"""A horizon finds what is near an instant, and looks at little else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.horizon import Horizon
from daemon.windows.window import Opening
from daemon.windows.work import Work, result_of

START = datetime(2026, 11, 30, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Watched(Opening):
    """An opening that counts how often somebody looks when one of them ends."""

    looks: ClassVar[int] = 0

    def __getattribute__(self, name: str) -> object:
        """Count looks at the end."""
        if name == "end":
            Watched.looks += 1
        return super().__getattribute__(name)


def opening(start: int, length: int, lead: int = 0) -> Opening:
    """Return an opening from a minute on for some minutes, paused for a while before."""
    begin = START + start * MINUTE
    return Watched(
        "w",
        begin,
        begin + length * MINUTE,
        ZoneInfo("UTC"),
        begin.date(),
        None,
        begin - lead * MINUTE,
    )


@given(
    st.lists(
        st.builds(
            opening, st.integers(0, 9_000), st.sampled_from((1, 9, 60, 3_000)), st.integers(0, 99)
        )
    ),
    st.integers(-100, 12_000),
    st.integers(0, 200),
)
def test_what_is_near_is_found(openings: list[Opening], minute: int, gap: int) -> None:
    """It is what ends after one instant and is paused for by another."""
    horizon = Horizon(START - DAY, START + 10 * DAY, {"w": openings})
    since, until = START + (minute - gap) * MINUTE, START + (minute + gap) * MINUTE

    found = horizon.near(since, until)

    expected = [each for each in openings if each.pause_from <= until and each.end > since]
    assert sorted(map(id, found)) == sorted(map(id, expected))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.builds(
                opening, st.integers(0, 900), st.sampled_from((1, 9, 60, 300)), st.integers(0, 9)
            ),
        ),
        min_size=1,
    ),
    st.sampled_from(("a", "ab", "abc")),
    st.integers(0, 30),
    st.integers(0, 1_300),
)
def test_what_follows_without_a_break_is_followed(
    openings: list[tuple[str, Opening]], names: str, gap: int, last: int
) -> None:
    """An opening's end is put off by each that is paused for before a gap is long enough."""
    limit = START + last * MINUTE
    mine = [each for name, each in openings if name in names and each.pause_from < limit]
    of_window = {name: [each for key, each in openings if key == name] for name in "abc"}
    horizon = Horizon(START - DAY, START + 10 * DAY, of_window)
    wanted = tuple(names)
    # Twice: the second time it may be remembered.
    for begun in (*mine, *mine):
        until = begun.end
        while later := [
            each.end
            for each in mine
            if each.end > until
            and (each.pause_from - until < gap * MINUTE or each.pause_from <= until)
        ]:
            until = max(later)

        steps = horizon.end_of_run(wanted, begun.end, gap * MINUTE, limit, Work())
        assert result_of(steps) == until


def test_what_is_not_near_is_not_looked_at() -> None:
    """Of ten thousand openings, some long, only as many as a few times the answer are looked at."""
    short = [opening(number, 5) for number in range(10_000)]
    long = [opening(number * 100, 2_000) for number in range(100)]
    horizon = Horizon(START - DAY, START + 10 * DAY, {"w": short + long})
    Watched.looks = 0
    now = START + 5_000 * MINUTE

    found = horizon.near(now, now)

    assert len(found) == 5 + 20
    assert Watched.looks <= 2 * len(found)
