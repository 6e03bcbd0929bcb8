"""For work of seconds on one thread, while others have to be on time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_S = 0.0005
"""How long others wait at most for the interpreter, instead of 5 ms; they ask for it often."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Return others the interpreter soon, and do not collect garbage: that stops everybody."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(before)
