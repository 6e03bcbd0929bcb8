"""Every error raised on purpose, in families named by who must act.

`str(error)` is always one or two lines for a person: what happened, where, what to do now.
A bug is not in here: it stays an ordinary Python exception and is allowed to show.
"""

from __future__ import annotations

from dataclasses import dataclass


class CbmaintdError(Exception):
    """The base of every error that a user may see; `exit_code` is what a command ends with."""

    exit_code = 1


class UsageError(CbmaintdError):
    """Raised when the command line asks for something that does not exist or contradicts itself."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in schedules.yaml: where (from 1), the path to it, what is allowed."""

    line: int
    column: int
    path: str
    message: str

    def render(self, file: str) -> str:
        """Return the fault as `FILE:LINE:COLUMN: path: message`, which editors can jump to."""
        where = f"{self.path}: " if self.path else ""
        return f"{file}:{self.line}:{self.column}: {where}{self.message}"


class ConfigError(CbmaintdError):
    """Raised when schedules.yaml cannot be used; whoever edits the file must act.

    Carries all faults of the file at once, in the order in which they stand in it.
    """

    exit_code = 2

    def __init__(self, file: str, faults: tuple[Fault, ...]) -> None:
        """Keep the file's name as the user wrote it, and its faults."""
        super().__init__("\n".join(fault.render(file) for fault in faults))
        self.file = file
        self.faults = faults


class HostError(CbmaintdError):
    """Raised when this machine refuses: a file, a port, a lock; its administrator must act."""


class LedgerError(HostError):
    """Raised when the ledger cannot be opened, read or written."""


class FencedError(LedgerError):
    """Raised when a cluster is another daemon's by now: no record of ours counts any more.

    The attempts that came with the records are kept, as stale.
    """


class AlreadyRunningError(HostError):
    """Raised when another process holds the ledger; names its pid and host."""


class SecretError(HostError):
    """Raised when a password or key file is missing, unreadable or readable by too many."""


class TlsFileError(SecretError):
    """Raised when that is a file under `tls`, or when TLS can make nothing of one."""
