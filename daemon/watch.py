"""Notices that schedules.yaml changed, however it was written: in place, by rename, by symlink.

It polls: an inotify watch on a file is deaf after the first rename over it, and one on a symlink
(a Kubernetes ConfigMap) after the first swap.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Content:
    """What was read: the text, or why it could not be read."""

    text: bytes = b""
    error: str = ""


class Watch:
    """One file; `poll` tells what it says when it has changed and come to rest."""

    def __init__(self, path: Path, known: bytes | None) -> None:
        """Watch *path*, whose content is known to be *known* (None: not known)."""
        self._path = path
        self._reported = Content(known) if known is not None else None
        self._signature: tuple[int, ...] = ()
        self._seen: Content | None = None

    def poll(self) -> Content | None:
        """Give the content once after each change; None while there is no news.

        A content counts when two polls in a row read the same: a file that is being written in
        place is left alone until it is whole.
        """
        signature = self._stat()
        if signature == self._signature and self._seen is None:
            return None
        self._signature = signature
        content, before = self.read(), self._seen
        if content == self._reported:
            self._seen = None
        elif content != before:
            self._seen = content
        else:
            self._seen, self._reported = None, content
            return content
        return None

    def read(self) -> Content:
        """Read the file now."""
        try:
            return Content(self._path.read_bytes())
        except OSError as exc:
            return Content(error=f"the file cannot be read ({exc.strerror})")

    def settle(self, content: Content) -> None:
        """Take *content* as reported: it was read and judged by another way."""
        self._seen, self._reported = None, content

    def _stat(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # follows the symlink, as it must
        except OSError as exc:
            return (exc.errno or 0,)
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
