"""Reading files that users name: whole, bounded, and without waiting for a FIFO or device."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

# A FIFO or a device must not make us wait, nor become our terminal, before fstat shows what it is.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_regular(
    path: Path, limit: int, check: Callable[[os.stat_result], None] = lambda _: None
) -> bytes:
    """Read the file at *path*, of at most *limit* bytes, once *check* has passed its status.

    Raises:
        OSError: it is missing, unreadable, too large, or no regular file; `strerror` says which.

    """
    with _opened(path) as file:
        return _content(file, limit, check)


def read_beginning(path: Path, limit: int) -> bytes:
    """Return the first *limit* bytes of a regular file. Raises OSError."""
    with _opened(path) as file:
        return file.read(limit)


def _opened(path: Path) -> BinaryIO:
    # Before it is opened, since some devices do something then; and again after that, since the
    # path may lead to another file by now.
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is not a regular file")
    descriptor = os.open(path, _OPEN_FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file")
    return os.fdopen(descriptor, "rb")


def _content(file: BinaryIO, limit: int, check: Callable[[os.stat_result], None]) -> bytes:
    check(os.fstat(file.fileno()))
    content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit} bytes")
    return content


def open_regular(path: Path, flags: int) -> int:
    """Open a file of ours, and no other that a link or a FIFO of that name leads to.

    A file that `flags` create is for its owner alone.

    Raises:
        OSError: it is missing, may not be opened, or is no regular file.

    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return descriptor


_OF_THE_KERNEL = tuple(map(Path, ("/proc", "/sys", "/dev")))


def read_data(path: Path, limit: int) -> bytes:
    """Read a file that whoever edits schedules.yaml names, as `read_regular` does.

    What the kernel makes up is refused, however the path leads there: regular files of `/proc` hold
    the environment of processes, and reading those of `/sys` may do something.

    Raises:
        OSError: as `read_regular`, or it is below `/proc`, `/sys` or `/dev`.

    """
    # Not `Path.resolve`, which raises RuntimeError for links in a circle.
    _refuse_kernel(Path(os.path.realpath(path)))
    with _opened(path) as file:
        # What was opened is looked at again, since a link may lead elsewhere by now.
        with suppress(FileNotFoundError):
            _refuse_kernel(Path(os.readlink(f"/proc/self/fd/{file.fileno()}")))  # noqa: PTH115
        return _content(file, limit, lambda _: None)


def _refuse_kernel(place: Path) -> None:
    if any(place.is_relative_to(root) for root in _OF_THE_KERNEL):
        raise OSError(errno.EINVAL, "is not a file that somebody wrote, but one of the kernel's")


def why_unreadable(exc: OSError) -> str:
    """Return why schedules.yaml cannot be read, and what a daemon that is not root needs."""
    is_a_right = exc.errno in {errno.EACCES, errno.EPERM}
    advice = "; the daemon's user has to be able to: chmod 644" if is_a_right else ""
    return f"the file cannot be read ({exc.strerror}{advice})"
