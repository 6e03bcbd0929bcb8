"""Notice changes of schedules.yaml, whether written in place, by rename or by symlink.

The calendar files that it names count as part of it.

It polls: an inotify watch on a file is deaf after the first rename over it, and one on a symlink
(a Kubernetes ConfigMap) after the first swap.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from daemon.config.days.attachments import Attachments
from daemon.config.document import SIZE_LIMIT
from daemon.host.files import read_regular, why_unreadable


@dataclass(frozen=True, slots=True)
class Content:
    """The text of the file, or why it could not be read, and the files that it names."""

    text: bytes = b""
    error: str = ""
    attached: Mapping[str, str | None] = field(default_factory=dict)


class Watch:
    """Watches one file; `poll` returns its content once it has changed and is no longer written."""

    def __init__(self, path: Path, known: bytes | None, attachments: Attachments) -> None:
        """Watch *path*, whose content was *known* when it was last read (None: never)."""
        self._path = path
        self._attachments = attachments
        self._reported = Content(known, "", attachments.seen) if known is not None else None
        self._signature: tuple[int, ...] = ()
        self._seen: Content | None = None

    def poll(self) -> Content | None:
        """Return the content once after each change, otherwise None.

        A content counts once two polls in a row have read the same, so that a file that is being
        written in place is not used until it is complete.
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
        return replace(read_now(self._path), attached=self._attachments.again())

    def settle(self, content: Content, attachments: Attachments) -> None:
        """Treat *content* as reported already, and watch *attachments* from now on."""
        self._attachments = attachments
        self._seen, self._reported = None, replace(content, attached=attachments.seen)

    def _stat(self) -> tuple[int, ...]:
        return state_of((self._path, *self._attachments.paths()))


def read_now(path: Path) -> Content:
    """Return what the file at *path* contains, without the files that it names."""
    try:
        return Content(read_regular(path, SIZE_LIMIT))
    except OSError as exc:
        return Content(b"", why_unreadable(exc))


def state_of(files: Iterable[Path]) -> tuple[int, ...]:
    """Return what tells whether any of *files* has changed, by its content or its rights."""
    return tuple(chain.from_iterable(map(_signature, files)))


def _signature(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116  # follows the symlink, as it must
    except OSError as exc:
        return (exc.errno or 0,)
    return found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
