"""Globs are found as the standard library matches them, and few of many are tried."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.globs import Globs
from daemon.windows.work import Work

NAMES = st.text("ab-[]!", max_size=6)
PATTERNS = st.text("ab-*?[]!", min_size=1, max_size=7)
MANY = range(10_000)


@given(st.lists(PATTERNS, max_size=8), st.lists(NAMES, max_size=8))
def test_it_finds_what_matches(patterns: list[str], names: list[str]) -> None:
    """What is found of many patterns is what each of them matches by itself."""
    globs = Globs((pattern, pattern) for pattern in patterns)

    for name in names:
        expected = [pattern for pattern in patterns if fnmatchcase(name, pattern)]
        assert sorted(globs.find(name)) == sorted(expected)


@pytest.mark.parametrize(
    "shape", ["tenant-{:05}", "tenant-{:05}-*", "*-{:05}", "*-tenant?{:05}", "t[a-e]nant-*-{:05}"]
)
def test_of_many_patterns_few_are_tried(shape: str) -> None:
    """Ten thousand patterns cost a name as many tries as have its beginning or its end."""
    globs = Globs((shape.format(number), number) for number in MANY)

    work = Work()

    list(globs.find("tenant-04711-x-tenant-04711", work))

    assert work.total <= 2
