"""`cbmaintd run`: run the daemon in the foreground."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from daemon.cli import places
from daemon.config.file_watch import read_now
from daemon.config.reading.process import FileReading
from daemon.config.reading.request import Request
from daemon.config.settings import Settings
from daemon.errors import ConfigError
from daemon.host.clock import SystemClock
from daemon.host.event_loop import EventLoop
from daemon.host.signals import Signals, ending_at_once
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import exists, open_ledger, open_to_look
from daemon.log import events
from daemon.log.events import Level
from daemon.log.log import Log
from daemon.log.render import LogFormat
from daemon.runtime.assemble import assemble, parts_of
from daemon.runtime.parts import DaemonParts

FLUSH_WITHIN = timedelta(seconds=2)
SWITCH_S = 0.0005
"""How long a thread waits for the interpreter while another computes, instead of 5 ms.

The loop would wait as long as that behind a reload, and at each row SQLite gives the interpreter
away, so that the ledger would be too slow for a few thousand of them.
"""

COLLECT_AFTER = 10_000
"""How many more containers than at the last search for garbage lead to another, instead of 700.

A pass makes thousands that it keeps, and hardly any that only a search would find.
"""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run until SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is invalid and the ledger has no last good configuration.
        HostError: the ledger cannot be used, or another daemon holds it.

    """
    file = places.find_config(args, environ)
    # It may take minutes.
    with ending_at_once():
        found = _read(file, environ)
        url = places.find_ledger(args, environ, found if isinstance(found, Settings) else file)
        if isinstance(found, ConfigError) and not exists(url):
            raise found
    signals = Signals()
    sys.setswitchinterval(SWITCH_S)
    # Never closed: closing gives signals their defaults back, and one more SIGTERM would kill.
    loop = EventLoop()
    log = _log(args, environ)
    try:
        with open_to_look(url) if args.dry_run else open_ledger(url, Access.DAEMON) as ledger:
            if ledger.loss:
                # At once: a start that fails now would hide it from the next one.
                log.logger.critical(events.LEDGER_REPLACED, **ledger.loss.shown())
            parts = parts_of(file, found, ledger, environ, dry_run=args.dry_run)
            # What is there by now stays: no later search for garbage has to walk through it.
            gc.freeze()
            gc.set_threshold(COLLECT_AFTER)
            loop.run_until_complete(_run(parts, ledger, log, environ, signals))
    finally:
        log.close(FLUSH_WITHIN)
    # What nobody can interrupt, such as a resolver or a locked ledger, is on threads that would
    # keep the process alive. The ledger knows what was sent; the next start goes on from there.
    os._exit(0)


async def _run(
    parts: DaemonParts, ledger: Ledger, log: Log, environ: Mapping[str, str], signals: Signals
) -> None:
    signals.attach()
    await assemble(parts, ledger, log, environ, signals).run()


def _read(file: Path, environ: Mapping[str, str]) -> Settings | ConfigError:
    """Read it in a process of its own: whatever it says, the last good one can go on."""
    request = Request(read_now(file), str(file), file.absolute().parent, dict(environ))
    try:
        return FileReading().read(request).settings_of(request.path)
    except ConfigError as exc:
        return exc


def _log(args: argparse.Namespace, environ: Mapping[str, str]) -> Log:
    return Log(
        sys.stderr.fileno(),  # noqa: TID251  # the log's own writer escapes
        log_format=LogFormat(args.log_format),
        level=Level[args.log_level.upper()],
        now=SystemClock.wall,
        environ=environ,
    )
