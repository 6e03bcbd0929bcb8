"""What the tests of the client share: answers, settings, and a client that records."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme

from daemon.core.attempt import Attempt, CallError, Outcome
from daemon.core.repository import ObservedRepository
from daemon.host.secrets import Secret
from daemon.service.client import BackupService, KeepTrying, ServiceError, sleep
from daemon.service.cluster import Tls
from tests.evil.server import (
    EvilServer,
    answer,
)

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONNECT = timedelta(seconds=2)
TOTAL = timedelta(seconds=0.4)
PATIENCE = timedelta(seconds=60)
OK = answer()
EMPTY = answer(200, b"[]")
PROXY_404 = answer(404, b"Service backup not running on this node", Content_Type="text/plain")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Loop:
    """An event loop on a thread of its own, for tests that call as threads do."""

    def __init__(self) -> None:
        """Begin."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* on the loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def close(self) -> None:
        """End."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Blocking:
    """A client whose calls are waited for."""

    def __init__(self, service: BackupService, loop: Loop) -> None:
        """Call *service* on *loop*."""
        self._service = service
        self._loop = loop

    def repositories(
        self, windows: tuple[str, ...] = (), keep_trying: KeepTrying = sleep
    ) -> tuple[ObservedRepository, ...]:
        """List the repositories."""
        return self._loop.run(self._service.repositories(windows, keep_trying))

    def periods(self) -> dict[str, dict[str, timedelta]]:
        """Ask for the plans."""
        return self._loop.run(self._service.periods())

    def pause(self, *arguments: Any) -> bool:
        """Pause a repository."""
        return self._loop.run(self._service.pause(*arguments))

    def resume(self, *arguments: Any) -> bool:
        """Resume a repository."""
        return self._loop.run(self._service.resume(*arguments))

    def backup(self, *arguments: Any) -> bool:
        """Start a backup."""
        return self._loop.run(self._service.backup(*arguments))

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first certificate ends."""
        return self._service.certificate_ends

    def close(self) -> None:
        """Cut off what is under way, and wait until that has come to its end."""

        async def close() -> None:
            self._service.close()

        self._loop.run(close())


@dataclass
class Client:
    """One client, what it told of, and the waits that it asked for (nobody really waits)."""

    service: Blocking
    attempts: list[Attempt]
    passwords: list[Secret]
    waits: list[timedelta] = field(default_factory=list)
    patience: int = 100

    async def keep_trying(self, delay: timedelta) -> bool:
        """Note the wait; go on until the patience is used up."""
        self.waits.append(delay)
        return len(self.waits) <= self.patience

    def pause(self, repository: str = "orders") -> bool:
        """Pause a repository for one window."""
        return self.service.pause(repository, ("nightly",), self.keep_trying)

    def failure(self) -> ServiceError:
        """Pause, which must fail."""
        with pytest.raises(ServiceError) as caught:
            self.pause()
        return caught.value

    def list_failure(self) -> ServiceError:
        """List, which must fail."""
        with pytest.raises(ServiceError) as caught:
            self.service.repositories((), self.keep_trying)
        return caught.value

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of all attempts."""
        return [attempt.outcome for attempt in self.attempts]

    @property
    def errors(self) -> list[CallError | None]:
        """The errors of all attempts."""
        return [attempt.error for attempt in self.attempts]


Connect = Callable[..., Client]
Serve = Callable[..., EvilServer]


def basic(user: str, password: str) -> str:
    """Return the header that a user and a password make."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def server_context(issuer: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return a server's TLS context with a certificate for *names*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return context


def trusting(issuer: trustme.CA, folder: Path, **keys: Any) -> Tls:
    """Return the settings of a client that trusts *issuer* alone."""
    path = folder / "ca.pem"
    issuer.cert_pem.write_to_path(str(path))
    return Tls(ca_file=path, **keys)


def closed_port() -> str:
    """Return the root of a server that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
