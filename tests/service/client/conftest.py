"""Servers and clients that are closed after each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from daemon.core.attempt import Attempt
from daemon.host.secrets import Secret
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings, RetryPolicy, Timeouts
from tests.evil.server import (
    Behaviour,
    EvilServer,
    silent,
)
from tests.service.client.kit import (
    CONNECT,
    NOW,
    TOTAL,
    Blocking,
    Client,
    Connect,
    Loop,
    Serve,
)


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """Close what a test opened, clients before servers."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(cleanup: ExitStack) -> Serve:
    """Start an evil server with the given behaviours."""

    def start(*behaviours: Behaviour, **keys: Any) -> EvilServer:
        return cleanup.enter_context(EvilServer(behaviours or (silent,), **keys))

    return start


@pytest.fixture
def loop(cleanup: ExitStack) -> Loop:
    """Run an event loop, closed after the clients and before the servers."""
    made = Loop()
    cleanup.callback(made.close)
    return made


@pytest.fixture
def connect(cleanup: ExitStack, loop: Loop) -> Connect:
    """Make a client for the given roots with short limits, one attempt and full back-off."""

    def make(*urls: str, attempts: int = 1, **keys: Any) -> Client:
        settings = ClusterSettings(
            "prod",
            **{
                "urls": urls,
                "timeout": Timeouts(CONNECT, timedelta(seconds=2), TOTAL),
                "retry": RetryPolicy(attempts, timedelta(seconds=1), timedelta(seconds=30)),
                **keys,
            },
        )
        reported: list[Attempt] = []
        passwords: list[Secret] = []
        service = BackupService(
            settings,
            environ={},
            on_attempt=reported.append,
            now=lambda: NOW,
            jitter=lambda s: s,
            on_password=passwords.append,
        )
        blocking = Blocking(service, loop)
        cleanup.callback(blocking.close)
        return Client(blocking, reported, passwords)

    return make


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """Write a password that only its owner can read, and that Latin-1 cannot write."""
    path = tmp_path / "prod.password"
    path.touch(mode=0o600)
    path.write_text("geheim→42\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make an authority for the certificates of servers and clients."""
    return trustme.CA()
