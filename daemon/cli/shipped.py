"""Files that came with the program: the example, the units."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

from daemon.errors import HostError

EXAMPLE = "schedules.yaml"
_SHARED = "share/cbmaintd"


def shipped(name: str) -> str:
    """Return a file that came with the program, next to its package or where pip has put it.

    Raises:
        HostError: it is not part of this installation.

    """
    for place in _places(name):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    missing = Path(sys.prefix, _SHARED, name)
    raise HostError(f"{missing}: is missing from this installation; install cbmaintd again")


def _places(name: str) -> Iterator[Path]:
    beside = Path(__file__).parents[2]
    yield beside / name  # a checkout
    yield Path(sys.prefix, _SHARED, name)  # an environment
    yield beside / _SHARED / name  # pip install --target
    # pip install --user or --prefix, and Debian's /usr/local: the record of what was installed.
    try:
        files = importlib.metadata.files("cbmaintd") or []
    except importlib.metadata.PackageNotFoundError:
        return
    yield from (
        Path(file.locate()) for file in files if file.as_posix().endswith(f"{_SHARED}/{name}")
    )
