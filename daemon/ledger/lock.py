"""One daemon for one ledger: an exclusive `flock` on a file next to it.

Whoever only wants to know who has it must not take it, even for an instant: a daemon that starts in
that instant would be refused. So the daemon has a lock of another kind on the same file beside it,
which can be asked for without being taken (`fcntl(2)`, "Open file description locks").
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from daemon.errors import AlreadyRunningError, LedgerError
from daemon.host.files import open_regular


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a ledger, and since when (UTC)."""

    pid: int
    host: str
    since: datetime


class LedgerLock:
    """The lock while it is held; the kernel releases it however the process ends."""

    def __init__(self, descriptor: int) -> None:
        """Wrap an open and locked file; use `take`."""
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, ledger: Path) -> LedgerLock:
        """Lock *ledger* and write who holds it; create its folder if it is missing.

        Raises:
            LedgerError: the folder or the file cannot be written.
            AlreadyRunningError: another process has it.

        """
        return cls(_take(ledger))

    def renew(self, ledger: Path) -> None:
        """Lock again if the lock file was deleted: a second daemon would not see our lock.

        Raises:
            LedgerError: another daemon was faster, or the folder cannot be written.

        """
        if self._descriptor is None or _is_in_place(self._descriptor, ledger):
            return
        try:
            descriptor = _take(ledger)
        except AlreadyRunningError as exc:
            raise LedgerError(f"{exc}; our lock file was deleted: stop one of the two") from exc
        os.close(self._descriptor)
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the lock; twice does no harm, though the number may be another file's by then."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def read_holder(ledger: Path) -> Holder | None:
    """Return which process holds *ledger* now; None when none does.

    Raises:
        LedgerError: whoever asks may not know, which does not mean that there is none.

    """
    lock = _lock_file(ledger)
    try:
        descriptor = open_regular(lock, os.O_RDONLY)
    except PermissionError as exc:
        raise LedgerError(
            f"{lock}: cannot be read ({exc.strerror}), so it is not known whether a daemon runs;"
            " run this as the daemon's user, or as root"
        ) from exc
    except OSError:
        return None
    try:
        return _parse_holder(os.read(descriptor, 4096)) if _is_shown(descriptor) else None
    finally:
        os.close(descriptor)


def _show(descriptor: int) -> None:
    """Show others that the file is locked. Raises OSError."""
    # Shared, since an exclusive one is refused on a read-only disk; the `flock` excludes others.
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_RDLCK))


def _is_shown(descriptor: int) -> bool:
    found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
    return bool(struct.unpack_from("@h", found)[0] != fcntl.F_UNLCK)


def _whole_file(kind: int) -> bytes:
    """Return the `struct flock` of a lock on all of a file."""
    return struct.pack("@hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


def _take(ledger: Path) -> int:
    try:
        ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _open(_lock_file(ledger))
    except OSError as exc:
        raise LedgerError(
            f"{exc.filename}: the ledger cannot be written ({exc.strerror}); give the daemon's"
            " user the right to write there, or name another ledger with --ledger"
        ) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunningError(_describe(ledger)) from None
    _write_holder(descriptor)
    _show(descriptor)
    return descriptor


def _open(lock: Path) -> int:
    try:
        return open_regular(lock, os.O_RDWR | os.O_CREAT)
    except OSError as exc:
        if exc.errno != errno.EROFS:
            raise
        # What is held has to be resumed even if the disk has become read-only.
        return open_regular(lock, os.O_RDONLY)


def _is_in_place(descriptor: int, ledger: Path) -> bool:
    try:
        there = _lock_file(ledger).lstat()
    except OSError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _lock_file(ledger: Path) -> Path:
    return ledger.with_name(f"{ledger.name}.lock")


def _describe(ledger: Path) -> str:
    holder = read_holder(ledger)
    who = f"by pid {holder.pid} on {holder.host}" if holder else "by another process"
    return f"{ledger}: the ledger is in use {who}; only one daemon may run on it"


def _write_holder(descriptor: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
    except OSError:
        # The name is only for messages; a full disk must not stop a daemon that has to resume.
        return


def _parse_holder(text: bytes) -> Holder | None:
    try:
        holder = json.loads(text)
        since = datetime.fromisoformat(holder["since"])
        return Holder(int(holder["pid"]), str(holder["host"]), since)
    except (ValueError, KeyError, TypeError):
        return None
