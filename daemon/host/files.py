"""Reading files that users name: whole, bounded, and without waiting for a FIFO or device."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

# A FIFO or a device must not make us wait, nor become our terminal, before fstat shows what it is.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_regular(
    path: Path, limit: int, check: Callable[[os.stat_result], None] = lambda _: None
) -> bytes:
    """Read the file at *path*, of at most *limit* bytes, once *check* has passed its status.

    Raises:
        OSError: it is missing, unreadable, too large, or no regular file; `strerror` says which.

    """
    with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as file:
        # The open file is checked, since the path may lead to another one by now.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        check(status)
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit} bytes")
    return content


def why_unreadable(exc: OSError) -> str:
    """Return why schedules.yaml cannot be read, and what a daemon that is not root needs."""
    is_a_right = exc.errno in {errno.EACCES, errno.EPERM}
    advice = "; the daemon's user has to be able to: chmod 644" if is_a_right else ""
    return f"the file cannot be read ({exc.strerror}{advice})"
