"""Reads schedules.yaml for a running daemon, under the path by which people know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daemon.config.days.attachments import Attachments
from daemon.config.file_watch import Content
from daemon.config.settings import Settings, parse
from daemon.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what is called *path* for people; files that it names are beside it in *folder*."""

    path: str
    folder: Path
    environ: Mapping[str, str]

    def read(
        self, content: Content, attachments: Attachments, *, check_secrets: bool = True
    ) -> Settings:
        """Return the settings; *attachments* then knows the files they name. Raises ConfigError."""
        if content.error:
            raise ConfigError(self.path, (Fault(1, 1, "", content.error),))
        return parse(
            content.text,
            self.path,
            environ=self.environ,
            check_secrets=check_secrets,
            attachments=attachments,
        )

    def is_good(self, content: Content, *, check_secrets: bool) -> bool:
        """Check whether it could be put in force, or could be if its secrets were there."""
        try:
            self.read(content, Attachments(self.folder), check_secrets=check_secrets)
        except ConfigError:
            return False
        return True
