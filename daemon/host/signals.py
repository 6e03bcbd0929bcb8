"""What signals ask of the daemon."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Flags:
    """What signals asked for; a handler sets a flag and nothing else."""

    wake: threading.Event = field(default_factory=threading.Event)
    stop: str | None = None
    reload: bool = False

    def listen(self) -> None:
        """Handle SIGTERM, SIGINT and SIGHUP; a second request to stop ends the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: object) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        elif self.stop:
            # Every step is crash-safe: the next start goes on from here.
            os._exit(0)
        else:
            self.stop = signal.Signals(number).name
        self.wake.set()
