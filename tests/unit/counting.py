"""Count work as calls of functions, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


def counted(steps: Generator[None, None, T]) -> tuple[T, list[int]]:
    """Return what *steps* return, and how many functions each of them called."""
    calls: list[int] = []

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        calls[-1] += event in {"call", "c_call"}

    before = sys.getprofile()
    try:
        while True:
            calls.append(0)
            sys.setprofile(count)
            try:
                next(steps)
            finally:
                sys.setprofile(before)
    except StopIteration as done:
        result: T = done.value
        return result, calls


def calls_of(work: Callable[[], T]) -> tuple[T, int]:
    """Return what *work* returns, and how many functions it called."""

    def steps() -> Generator[None, None, T]:
        return work()
        yield

    result, (calls,) = counted(steps())
    return result, calls
