"""What a log writes, for tests to read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from daemon.log.events import Level
from daemon.log.log import Log
from daemon.log.render import LogFormat

NOON = datetime(2026, 3, 1, 12, 0, 0, 42, tzinfo=UTC)
SOON = timedelta(seconds=20)


def open_log(
    fd: int,
    log_format: LogFormat = LogFormat.JSON,
    level: Level = Level.INFO,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Log:
    """Return a log whose clock stands at noon."""
    return Log(fd, log_format=log_format, level=level, now=lambda: NOON, environ=environ)


def written(act: Callable[[Log], None], **settings: Any) -> str:
    """Return what a fresh log writes while `act` has it."""
    reader, writer = os.pipe()
    log = open_log(writer, **settings)
    act(log)
    flushed = log.close(SOON)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", newline="\n") as pipe:
        text = pipe.read()
    assert flushed
    return text


def records(text: str) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
