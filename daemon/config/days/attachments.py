"""Read the calendar files that schedules.yaml names, once for each configuration.

What was read is remembered: the daemon watches these files like schedules.yaml itself, and the
ledger keeps them with it, so that the last good configuration does not change its meaning.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from daemon.config.document import SIZE_LIMIT
from daemon.host.files import read_data

FILES_LIMIT = 100
TOTAL_LIMIT = 16 * 1024 * 1024
"""How many files a configuration may name, and how many bytes they may have together: the daemon
looks at them each second, and the ledger keeps them."""


class Attachments:
    """Files named relative to *folder*; if *kept* is given, its texts are used instead."""

    def __init__(self, folder: Path, kept: Mapping[str, str] | None = None) -> None:
        """Remember where the files are; nothing is read yet."""
        self.folder = folder
        self._kept = kept
        self.seen: dict[str, str | None] = {}

    def read(self, name: str) -> str:
        """Return the text of a file; one that cannot be read is remembered, too.

        Raises:
            ValueError: it is missing, unreadable, too large, one too many or not UTF-8.

        """
        if name not in self.seen and len(self.seen) >= FILES_LIMIT:
            raise ValueError(f"it is one too many: at most {FILES_LIMIT} files may be named")
        self.seen[name] = None
        try:
            text = self._content(name)
        except OSError as exc:
            raise ValueError(f"{self.folder / name}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            where = f"{self.folder / name}: byte {exc.start + 1}"
            raise ValueError(f"{where} is not UTF-8: export the calendar as UTF-8") from exc
        if sum(map(len, filter(None, self.seen.values()))) + len(text) > TOTAL_LIMIT:
            raise ValueError(
                f"{self.folder / name}: with it the files have more than 16 MiB together"
            )
        self.seen[name] = text
        return text

    def texts(self) -> dict[str, str]:
        """Return the texts that could be read."""
        return {name: text for name, text in self.seen.items() if text is not None}

    def again(self) -> dict[str, str | None]:
        """Read the files again; None for what cannot be read."""
        fresh = Attachments(self.folder, self._kept)
        for name in self.seen:
            with suppress(ValueError):
                fresh.read(name)
        return fresh.seen

    def paths(self) -> list[Path]:
        """Return the files that were asked for."""
        return [self.folder / name for name in self.seen]

    def _content(self, name: str) -> str:
        if self._kept is None:
            return read_data(self.folder / name, SIZE_LIMIT).decode("utf-8-sig")
        if name not in self._kept:
            raise FileNotFoundError(errno.ENOENT, "was not kept")
        return self._kept[name]
