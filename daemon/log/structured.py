"""structlog, imported without rich, which it would load for tracebacks that are not printed here.

That is a fifth of the daemon's start.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Have a module that is not loaded yet fail to import, as if it were not installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # how Python marks such a module
    try:
        yield
    finally:
        del sys.modules[name]


with _without("rich"):
    import structlog

wrap_logger, filtering = structlog.wrap_logger, structlog.make_filtering_bound_logger
Logger = structlog.typing.FilteringBoundLogger
