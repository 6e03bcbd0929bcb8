"""Every error raised on purpose, in families named by who must act.

`str(error)` is always one or two lines for a person: what happened, where, what to do now.
A bug is not in here: it stays an ordinary Python exception and is allowed to show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST_FAULTS = 20
"""How many faults of one file are shown; the others are counted."""

LONGEST_FAULT = 500
"""How long one of them may be in characters, with its place."""

_LONGEST_PATH = 200


class CbmaintdError(Exception):
    """The base of every error that a user may see; `exit_code` is what a command ends with."""

    exit_code = 1


class UsageError(CbmaintdError):
    """Raised when the command line asks for something that does not exist or contradicts itself."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in schedules.yaml: where (from 1), the path to it, what is allowed.

    Or unwise, if it is a warning.
    Line 0 is no place in it: what is wrong is that there is no such file, or that nobody may read
    it.
    """

    line: int
    column: int
    path: str
    message: str

    @property
    def text(self) -> str:
        """The fault without its place: `path: message`."""
        return f"{self.path}: {self.message}" if self.path else self.message

    def render(self, file: str, mark: str = "") -> str:
        """Return it as `FILE:LINE:COLUMN: path: message`, which editors can jump to.

        A *mark* stands before the path.
        """
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return _cut(f"{place}: {mark}{self.text}", LONGEST_FAULT)

    def bounded(self) -> Fault:
        """Return it with a path and a message that somebody may read to the end."""
        path = _cut(self.path, _LONGEST_PATH)
        return replace(self, path=path, message=_cut(self.message, LONGEST_FAULT - len(path)))


def _cut(text: str, longest: int) -> str:
    """Return *text* of at most so many characters; an ellipsis shows that there were more."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class ConfigError(CbmaintdError):
    """Raised when schedules.yaml cannot be used; whoever edits the file must act.

    Carries the first `MOST_FAULTS` faults of the file at once, in the order in which they stand in
    it; `more` is how many there are beyond them.
    """

    exit_code = 2

    def __init__(self, file: str, faults: tuple[Fault, ...], more: int = 0) -> None:
        """Keep the file's name as the user wrote it, and of its faults what anybody would read."""
        self.file = file
        self.faults = tuple(fault.bounded() for fault in faults[:MOST_FAULTS])
        self.more = more + len(faults[MOST_FAULTS:])
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Return a line for each fault, and one for those that are not shown."""
        shown = [fault.render(self.file) for fault in self.faults]
        what = "fault" if self.more == 1 else "faults"
        return [*shown, f"{self.file}: and {self.more} more {what}"] if self.more else shown


class HostError(CbmaintdError):
    """Raised when this machine refuses: a file, a port, a lock; its administrator must act."""


class LedgerError(HostError):
    """Raised when the ledger cannot be opened, read or written."""


class NoLedgerError(LedgerError):
    """Raised when there is no ledger yet: nothing was held or decided so far."""


class EncodingError(HostError):
    """Raised when a database cannot hold a ledger: it stores other characters than UTF-8's.

    No command does without such a ledger, as it may without one that cannot be reached.
    """


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
