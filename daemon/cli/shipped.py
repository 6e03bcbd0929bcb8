"""Files that came with the program: the example, the units."""

from __future__ import annotations

import sys
from pathlib import Path

from daemon.errors import HostError

EXAMPLE = "schedules.yaml"


def shipped(name: str) -> str:
    """Return a file that came with the program, next to its package or in the environment.

    Raises:
        HostError: it is not part of this installation.

    """
    shared = Path(sys.prefix, "share/cbmaintd", Path(name).name)
    for place in (Path(__file__).parents[2] / name, shared):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise HostError(f"{shared}: is missing from this installation; install cbmaintd again")
