"""What a process that reads a file may use; set by that process itself, before it begins."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_FIRST_TO_BE_KILLED = "1000"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much reading may take: of processor time and of time in s, of memory in bytes."""

    processor_s: int = 20
    memory: int = 512 * 1024 * 1024
    wall_s: int = 120


def confine(limits: Limits, parent: int) -> None:
    """Limit this process for good, and have it end with *parent*."""
    # No core: it would have the environment in it, and with that passwords.
    # Of memory, half at least is for the reading, whatever a large process had before its fork.
    for which, most in (
        (resource.RLIMIT_CPU, limits.processor_s),
        (resource.RLIMIT_AS, max(limits.memory, _mapped() + limits.memory // 2)),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # Where a sandbox refuses it, whoever waits for us still ends us after a time.
        with suppress(OSError, ValueError):
            resource.setrlimit(which, (allowed, hard))
    for number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # Meant for the daemon, where it is sent to all of its processes.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Should nobody be left to do it.
    signal.alarm(limits.wall_s)
    # Were memory to run out, it is to be had here and not from the daemon.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_KILLED)
    _end_with(parent)


def _mapped() -> int:
    """Return how many bytes of address space this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _end_with(parent: int) -> None:
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415  # only here, and slow

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        # It had gone before we asked.
        os._exit(1)
