"""Work of seconds that gives way: what is changed for it, and that it is put back."""

from __future__ import annotations

import gc
import sys

import pytest

from daemon.runtime.reload import SWITCH_S, giving_way


def test_it_is_put_back_whatever_happens() -> None:
    """Inside, others get the interpreter sooner and no garbage is collected; an error ends that."""
    before = sys.getswitchinterval()
    inside: list[float] = []

    @giving_way()
    def fail() -> None:
        inside.extend([sys.getswitchinterval(), gc.isenabled()])
        raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert inside == [pytest.approx(SWITCH_S), False]
    assert sys.getswitchinterval() == pytest.approx(before)
    assert gc.isenabled()
