"""Where a daemon could leave a password behind, and the search for it in all of these places."""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from tests.evil.canary import found_in


def leaks(left: Mapping[str, bytes], passwords: Iterable[str], user: str) -> list[str]:
    """Name the places in *left* that have one of the passwords, in whatever form."""
    known = list(passwords)
    return [
        place
        for place, content in left.items()
        if any(found_in(content, password, user) for password in known)
    ]


def files_below(folder: Path, secret: Collection[Path]) -> dict[str, bytes]:
    """Read all files below *folder* but those that are meant to be *secret*, by their names."""
    found = {}
    for path in folder.rglob("*"):
        # Gone since it was listed, or of no use to anybody but root.
        with suppress(FileNotFoundError, PermissionError):
            if path.is_file() and path not in secret:
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def command_line(pid: int) -> bytes:
    """Return what everybody on the host may read of a process; nothing if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class ServiceManager:
    """Hears what a daemon tells systemd, and keeps it."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self.heard: list[bytes] = []
        self._exits = ExitStack()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The path of a socket has room for 107 bytes; that of a test's folder may be longer.
        self._folder = self._exits.enter_context(TemporaryDirectory(prefix="cbmaintd-"))
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def address(self) -> str:
        """What NOTIFY_SOCKET is to say."""
        return f"{self._folder}/notify"

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._socket.bind(self.address)
        self._exits.callback(self._socket.close)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hear what has been said already, and then no more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join()
        self._exits.close()

    def _listen(self) -> None:
        while message := self._socket.recv(65536):
            self.heard.append(message)
