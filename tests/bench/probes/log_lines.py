"""Inside a process of its own: outcome lines of the log, by ours and by the standard library."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from daemon.core.attempt import Action, Attempt, Outcome
from daemon.log.events import Level
from daemon.log.log import Log, attempt_event
from daemon.log.render import LogFormat

LINES = 10_000
ATTEMPT = Attempt(
    cluster="prod",
    repository="orders",
    action=Action.PAUSE,
    windows=("sunday-patching",),
    method="POST",
    url="https://b1.example.com:18097/api/v1/cluster/self/repository/active/orders/pause",
    attempt=1,
    status=200,
    outcome=Outcome.OK,
    error=None,
    message="",
    started=datetime.now(UTC),
    duration=timedelta(milliseconds=51),
)


def main() -> None:
    """Write to the file argv[1]; tell in JSON the seconds a line takes its caller."""
    with Path(sys.argv[1]).open("wb") as file:
        told = {"ours": _ours(file.fileno())}
    with Path(sys.argv[1]).open("w") as file:
        told["logging"] = _standard(logging.StreamHandler(file))
    sys.stdout.write(json.dumps(told))


def _ours(fd: int) -> float:
    log = Log(
        fd,
        log_format=LogFormat.JSON,
        level=Level.INFO,
        now=lambda: datetime.now(UTC),
        environ=os.environ,
    )
    log.redact("a password of nobody")

    def write() -> None:
        level, event, keys = attempt_event(ATTEMPT)
        log.logger.log(level, event, **keys)

    try:
        return _seconds_each(write)
    finally:
        log.close(timedelta(seconds=30))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        keys: dict[str, Any] = record.__dict__["keys"]
        head = {"timestamp": self.formatTime(record), "level": record.levelname}
        return json.dumps({**head, "event": record.getMessage(), **keys})


def _standard(handler: logging.Handler) -> float:
    """Measure a logger as the cookbook has it: a queue, a listener, and JSON made by its caller."""
    logger = logging.getLogger("standard")
    logger.setLevel(logging.INFO)
    queued: SimpleQueue[logging.LogRecord] = SimpleQueue()
    before = QueueHandler(queued)
    before.setFormatter(_JsonFormatter())
    logger.addHandler(before)
    listener = QueueListener(queued, handler)
    listener.start()

    def write() -> None:
        _, event, keys = attempt_event(ATTEMPT)
        logger.info(event, extra={"keys": keys})

    try:
        return _seconds_each(write)
    finally:
        listener.stop()


def _seconds_each(write: Callable[[], None]) -> float:
    clock = time.thread_time()
    for _ in range(LINES):
        write()
    return (time.thread_time() - clock) / LINES


if __name__ == "__main__":
    main()
