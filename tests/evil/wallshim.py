"""A wall clock for one process alone, which a test steps while the process runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
from datetime import datetime
from pathlib import Path

_SOURCE = Path(__file__).with_name("wallshim.c")


class WallClock:
    """The clock of whoever is started with `environ`; it begins at the machine's own time."""

    def __init__(self, folder: Path) -> None:
        """Compile the shim into *folder*; `is_available` tells whether that could be done."""
        self._library = folder / "wallshim.so"
        self._file = folder / "wallshim.offset"
        self._file.write_bytes(struct.pack("d", 0.0))
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler:
            subprocess.run(
                [compiler, "-O2", "-shared", "-fPIC", "-o", self._library, _SOURCE, "-ldl", "-lm"],
                check=True,
            )
        self.is_available = compiler is not None

    @property
    def environ(self) -> dict[str, str]:
        """What has to stand in the environment of the process."""
        if not self.is_available:
            return {}
        return {"LD_PRELOAD": str(self._library), "WALLSHIM": str(self._file)}

    def standing_at(self, instant: datetime) -> dict[str, str]:
        """Return the environment of a process for which it is that instant, and stays so."""
        return {"LD_PRELOAD": str(self._library), "WALLSHIM_AT": str(int(instant.timestamp()))}

    @property
    def offset_s(self) -> float:
        """How far the clock is ahead of the machine's, in seconds."""
        return float(struct.unpack("d", self._file.read_bytes())[0])

    def step_to(self, offset_s: float) -> None:
        """Put the clock so far ahead of the machine's (behind it, if negative)."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("d", offset_s))
