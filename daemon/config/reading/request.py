"""What is asked of a process that reads a file, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config.days.attachments import Attachments
from daemon.config.file_watch import Content
from daemon.config.reading.limits import Limits
from daemon.config.settings import Settings, parse
from daemon.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True)
class Request:
    """A `content` of the file that users know as `path`; what it names is in `folder`.

    Without `check_secrets`, password and key files need not exist. Where texts were `kept`, they
    stand for the calendar files that it names.
    """

    content: Content
    path: str
    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    check_secrets: bool = True
    kept: Mapping[str, str] | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Answer:
    """The settings, or the faults and how many `more` there are.

    `attached` has the texts of the calendar files that were asked for. Where nothing is wrong but
    with secrets, `secrets` are their files. Where it `may_pass`, the fault is not the file's: its
    reading was ended from outside, say.
    """

    settings: Settings | None
    faults: tuple[Fault, ...] = ()
    more: int = 0
    attached: Mapping[str, str | None] = field(default_factory=dict)
    secrets: tuple[Path, ...] | None = None
    may_pass: bool = False

    def settings_of(self, path: str) -> Settings:
        """Return the settings of the file at *path*. Raises ConfigError."""
        if self.settings is None:
            raise ConfigError(path, self.faults, self.more)
        return self.settings


def answer(request: Request) -> Answer:
    """Read what is asked for, here and now."""
    attachments = Attachments(request.folder, request.kept)
    try:
        settings = _settings(request, attachments, check_secrets=request.check_secrets)
    except ConfigError as exc:
        secrets = _secrets_lacking(request) if request.check_secrets else None
        return Answer(None, exc.faults, exc.more, attachments.seen, secrets)
    return Answer(settings, attached=attachments.seen)


def _settings(request: Request, attachments: Attachments, *, check_secrets: bool) -> Settings:
    """Return the settings; *attachments* collects the files they name. Raises ConfigError."""
    content = request.content
    if content.error:
        raise ConfigError(request.path, (Fault(0, 0, "", content.error),))
    return parse(
        content.text,
        request.path,
        environ=request.environ,
        check_secrets=check_secrets,
        attachments=attachments,
    )


def _secrets_lacking(request: Request) -> tuple[Path, ...] | None:
    try:
        attachments = Attachments(request.folder, request.kept)
        settings = _settings(request, attachments, check_secrets=False)
    except ConfigError:
        return None
    return tuple(sorted(set(_secrets(settings))))


def _secrets(settings: Settings) -> Iterator[Path]:
    for cluster in settings.clusters.values():
        tls = cluster.tls
        files = (cluster.password_file, tls.ca_file, tls.client_cert, tls.client_key)
        yield from filter(None, files)
    for target in settings.notify:
        yield from filter(None, (target.url_file, *(header.file for header in target.headers)))
