"""Who is told: a target of schedules.yaml, and what sets its kind apart from the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import SplitResult

from daemon.notify.messages import Batch, Post
from daemon.notify.notices import URGENT


class Kind(ABC):
    """A way to tell somebody. Each kind is a module of `kinds`; `kinds.registry` lists them.

    `key` is its key in schedules.yaml; `description` and `example` are what editors offer for it.
    `refused` are keys of a target that it cannot take, each with the reason.
    """

    key: ClassVar[str]
    description: ClassVar[str]
    example: ClassVar[Mapping[str, str]]
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    # Whether people read it, who want what happens together in one message.
    is_for_people: ClassVar[bool] = False
    # Whether it is told of openings as runs, in place of events.
    follows_runs: ClassVar[bool] = False
    # Whether it is told of openings with their ends, in place of events.
    follows_openings: ClassVar[bool] = False

    def __eq__(self, other: object) -> bool:
        """Compare by class: the process that reads the file has instances of its own."""
        return type(self) is type(other)

    def __hash__(self) -> int:
        """Return what is equal for equal kinds."""
        return hash(type(self))

    @abstractmethod
    def send(self, batch: Batch, post: Post) -> None:
        """Send one message, by *post* or otherwise. Raises DeliveryError."""

    def check_form(self, url: SplitResult, *, has_host: bool) -> None:
        """Check what a URL looks like, before each message.

        Raises:
            ValueError: it cannot be used; the text says what is wanted, and does not quote it.

        """
        if url.scheme not in {"http", "https"} or not has_host:
            raise ValueError("it has no URL that begins with https://")

    def check_url(self, url: str) -> None:  # noqa: B027  # most have nothing more to check
        """Check what takes longer, when the file is checked. Raises ValueError."""

    def check_template(self, text: str) -> None:  # noqa: ARG002  # a webhook looks at it
        """Check a body of the user's own. Raises ValueError."""
        raise ValueError("only a webhook has a body of one's own")

    def check_matchers(self, matchers: Sequence[str] | None) -> None:
        """Check what chooses alerts. Raises ValueError."""
        if matchers is not None:
            raise ValueError("only alertmanager has matchers")


@dataclass(frozen=True, slots=True)
class Header:
    """A header that goes along with a message, and where its value is found."""

    name: str
    file: Path | None = None
    env: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to tell: where a secret URL is found, which events, and of which windows (globs).

    `template` is the body of a webhook, None for our own; `proxy` the URL of an HTTP proxy;
    `headers` go along, and are secrets like the URL; `matchers` choose an Alertmanager's alerts.
    """

    name: str
    kind: Kind
    url_file: Path | None = None
    url_env: str | None = None
    events: frozenset[str] = URGENT
    windows: tuple[str, ...] = ("*",)
    template: str | None = None
    proxy: str | None = None
    headers: tuple[Header, ...] = ()
    matchers: tuple[str, ...] = ()

    def is_about(self, windows: Iterable[str]) -> bool:
        """Check whether any of *windows* is one of those asked for; true where there are none."""
        named = tuple(windows)
        return not named or any(fnmatchcase(w, glob) for w in named for glob in self.windows)
