"""Reading the file again: after a change, on request, and when missing secrets have come.

All of it happens on a thread of its own, since a disk may stall, and what takes long in a process
of its own: whatever the file says, it neither holds the daemon nor ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from daemon.config.days.attachments import Attachments
from daemon.config.file_watch import Content, Watch, state_of
from daemon.config.reading.process import FileReading
from daemon.config.reading.request import Answer, Request
from daemon.config.settings import Settings
from daemon.errors import ConfigError, Fault
from daemon.log import events
from daemon.log.interface import Log
from daemon.runtime.parts import DaemonParts

JUST_NOW_S = 5.0
"""How long a change that was noticed is what somebody means who asks for a reload."""

_PASSED_AFTER = 60
"""After how many polls a file is read again that could not be read for a reason of its host."""


@dataclass(slots=True)
class _Failed:
    """A content whose reading failed for a reason that may pass, and how many polls are left."""

    content: Content
    polls: int = _PASSED_AFTER

    def is_due(self) -> bool:
        """Count a poll; return whether it is time to read it again."""
        self.polls -= 1
        return self.polls <= 0


@dataclass(slots=True)
class _Waiting:
    """A content that lacks nothing but secrets, and how their files were at the last look."""

    content: Content
    secrets: tuple[Path, ...]
    # Nothing yet: they may have come while the file was read.
    seen: tuple[int, ...] = ()

    def has_changed(self) -> bool:
        """Look whether any of the files has changed since the last look."""
        before, self.seen = self.seen, state_of(self.secrets)
        return self.seen != before


class ConfigFile:
    """schedules.yaml while the daemon runs; `rejected` says what is wrong by its last reading.

    `is_known` says that what was read on request had been noticed as a change just before, or that
    it is what the start rejected: the log then says once what became of it.
    """

    def __init__(
        self,
        parts: DaemonParts,
        environ: Mapping[str, str],
        uptime_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch the file of *parts*, from what they say was read."""
        self._uptime_s = uptime_s
        settings, attachments = parts.settings, Attachments(parts.folder)
        attachments.seen.update(settings.attached)
        known = None if parts.rejected else settings.text
        self._path, self._folder, self._environ = settings.path, parts.folder, dict(environ)
        self._reading = FileReading()
        self._watch = Watch(parts.file, known, attachments)
        self._waiting: _Waiting | None = None
        self._failed: _Failed | None = None
        self._noticed: tuple[Content, float] | None = None
        self.is_known = False
        self.rejected = self._at_start = parts.rejected

    @property
    def is_rejected(self) -> bool:
        """Whether what is in force is not what it says."""
        return self.rejected is not None

    def read(self) -> Content:
        """Return what the file contains now."""
        content, noticed = self._watch.read(), self._noticed
        self.is_known = bool(
            noticed and noticed[0] == content and self._uptime_s() - noticed[1] < JUST_NOW_S
        )
        return content

    def poll(self) -> Content | None:
        """Return what should be put in force: after a change, or once missing secrets are there.

        Some time after a reading failed for a reason that may pass, it is returned again.
        """
        changed = self._watch.poll()
        failed, waiting = self._failed, self._waiting
        if changed is None and failed and failed.is_due():
            changed = failed.content
        if (
            changed is None
            and waiting
            and waiting.has_changed()
            and self._answer(waiting.content).settings
        ):
            changed = waiting.content
        if changed:
            self._noticed, self.is_known = (changed, self._uptime_s()), False
        return changed

    def parse(self, content: Content) -> Settings:
        """Return the settings of *content*, which is then known. Raises ConfigError."""
        answer = self._answer(content)
        attachments = Attachments(self._folder)
        attachments.seen.update(answer.attached)
        self._watch.settle(content, attachments)
        self._failed = _Failed(content) if answer.may_pass else None
        lacking = answer.secrets
        self._waiting = None if lacking is None else _Waiting(content, lacking)
        at_start, self._at_start, self.rejected = self._at_start, None, None
        try:
            return answer.settings_of(self._path)
        except ConfigError as exc:
            self.rejected = exc
            if at_start and exc.lines() == at_start.lines():
                self.is_known = True
            raise

    def stop(self) -> None:
        """End a reading that is under way; nothing is read any more. From any thread."""
        self._reading.stop()

    def _answer(self, content: Content) -> Answer:
        return self._reading.read(Request(content, self._path, self._folder, self._environ))


def warn(log: Log, settings: Settings, said: Container[Fault] = ()) -> None:
    """Log the warnings of *settings* that were not *said* of the file before it."""
    for warning in (each for each in settings.warnings if each not in said):
        log.warning(
            events.CONFIG_WARNED, path=settings.path, line=warning.line, warning=warning.text
        )
