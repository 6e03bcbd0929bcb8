"""Reading the file again: after a change, on request, and when missing secrets have come.

All of it happens on a thread of its own: a disk may stall, and a large file takes seconds.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from daemon.config.days.attachments import Attachments
from daemon.config.file_watch import Content, Watch
from daemon.config.settings import Settings
from daemon.config.stored_configs import Reader
from daemon.errors import ConfigError
from daemon.runtime.parts import DaemonParts


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect no garbage meanwhile: that would stop all threads, and passes have to be on time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class ConfigFile:
    """schedules.yaml while the daemon runs; `is_rejected` is about its last reading."""

    def __init__(self, parts: DaemonParts, environ: Mapping[str, str]) -> None:
        """Watch the file of *parts*, from what they say was read."""
        settings, attachments = parts.settings, Attachments(parts.folder)
        attachments.seen.update(settings.attached)
        known = None if parts.rejected else settings.text
        self._folder = parts.folder
        self._reader = Reader(settings.path, parts.folder, environ)
        self._watch = Watch(parts.file, known, attachments)
        self._lacks_secrets: Content | None = None
        self.is_rejected = parts.rejected is not None

    def read(self) -> Content:
        """Return what the file contains now."""
        return self._watch.read()

    def poll(self) -> Content | None:
        """Return what should be put in force: after a change, or once missing secrets are there."""
        changed = self._watch.poll()
        if changed:
            return changed
        lacking = self._lacks_secrets
        if lacking and self._reader.is_good(lacking, check_secrets=True):
            return lacking
        return None

    def parse(self, content: Content) -> Settings:
        """Return the settings of *content*, which is then known. Raises ConfigError."""
        attachments = Attachments(self._folder)
        try:
            settings = self._reader.read(content, attachments)
        except ConfigError:
            is_complete = self._reader.is_good(content, check_secrets=False)
            self.is_rejected, self._lacks_secrets = True, content if is_complete else None
            raise
        finally:
            self._watch.settle(content, attachments)
        self.is_rejected, self._lacks_secrets = False, None
        return settings
