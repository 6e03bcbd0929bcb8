"""The configuration and people's decisions, as commands outside the daemon see them."""

from __future__ import annotations

import argparse
import getpass
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.cli import output, places
from daemon.config import stored_configs
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.durations import format_duration
from daemon.errors import ConfigError, LedgerError, NoLedgerError, UsageError
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.monitoring.status import Skipped, cancelled
from daemon.windows import overrides
from daemon.windows.overrides import Override
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening, Window
from daemon.wording import nearest_or_all, printable

LONGEST_USER = 64
"""Characters of a user's name that are kept; the environment may claim more."""


@dataclass(frozen=True)
class Schedule:
    """What is scheduled; `settings` is None where neither the file nor the ledger has any."""

    settings: Settings | None
    overrides: tuple[Override, ...]
    timeline: Timeline

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times without an offset."""
        return self.settings.timezone if self.settings else ZoneInfo("UTC")

    @cached_property
    def skips(self) -> Mapping[tuple[str, datetime], Override]:
        """The decisions by which openings are cancelled, by window and start."""
        return overrides.skips(self.overrides)

    def skip_of(self, opening: Opening) -> Override | None:
        """Return the decision that cancelled *opening*, if a person did."""
        return self.skips.get((opening.window, opening.start))

    def cancelled(self, windows: Iterable[Window], start: datetime, end: datetime) -> list[Skipped]:
        """Return their openings that meet `[start, end)` but for a person who cancelled them."""
        return cancelled(windows, self.skips, start, end)

    def window(self, name: str) -> Window:
        """Find a window, planned or not. Raises UsageError."""
        try:
            return self.timeline.windows[name]
        except KeyError:
            known = nearest_or_all(name, self.timeline.windows)
            raise UsageError(f"there is no window {name}{known}") from None


def build_schedule(settings: Settings | None, decided: tuple[Override, ...]) -> Schedule:
    """Combine what the file says with what people decided."""
    if settings is None:
        return Schedule(None, decided, Timeline(overrides.in_force((), decided, ZoneInfo("UTC"))))
    windows = overrides.in_force(settings.windows.values(), decided, settings.timezone)
    return Schedule(settings, decided, Timeline(windows, settings.merge_gap))


def read_settings(args: argparse.Namespace, environ: Mapping[str, str]) -> Settings | Path | None:
    """Return the settings, the file's path if it is invalid, or None if there is no file."""
    try:
        file = places.find_config(args, environ)
        return load(file, environ=environ, check_secrets=False)
    except UsageError:
        return None
    except ConfigError:
        return file


def in_force(ledger: Ledger, environ: Mapping[str, str]) -> Schedule:
    """Return the schedule that the daemon on *ledger* follows. Raises LedgerError."""
    return build_schedule(stored_configs.last_good(ledger, environ), tuple(ledger.overrides()))


def refreshed(ledger: Ledger, known: Schedule) -> Schedule:
    """Return the schedule *known* with what people have decided since. Raises LedgerError."""
    decided = ledger.new_overrides(len(known.overrides))
    return known if decided is None else build_schedule(known.settings, tuple(decided))


def wanted(found: Settings | Path | None, ledger: Ledger, environ: Mapping[str, str]) -> Schedule:
    """Return the file's schedule, or else the one last in force. Raises LedgerError."""
    settings = found if isinstance(found, Settings) else stored_configs.last_good(ledger, environ)
    return build_schedule(settings, tuple(ledger.overrides()))


def read_schedule(
    args: argparse.Namespace, environ: Mapping[str, str], found: Settings | Path | None
) -> Schedule:
    """Return the file's schedule with people's decisions, if there is a ledger that can be read."""
    try:
        with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
            return wanted(found, ledger, environ)
    except LedgerError as exc:
        warn_without(exc)
    return build_schedule(found if isinstance(found, Settings) else None, ())


def warn_without(exc: LedgerError) -> None:
    """Warn on stderr that a ledger was not read, if there is one: people may have decided much."""
    if not isinstance(exc, NoLedgerError):
        output.warn(f"cbmaintd: shown without decisions and holds: {exc}")


def person(environ: Mapping[str, str]) -> str:
    """Return who decides, as user@host; under sudo, the user who called it."""
    user = environ.get("SUDO_USER") or getpass.getuser()
    return f"{printable(user)[:LONGEST_USER]}@{socket.gethostname()}"


def warn_if_alone(ledger: Ledger) -> None:
    """Warn on stderr if no daemon is running to act on it, or if that is not known."""
    try:
        is_attended = ledger.daemon().running
    except LedgerError as exc:
        # What was decided is in the ledger all the same.
        output.warn(f"cbmaintd: {exc}")
        return
    if not is_attended:
        output.warn("cbmaintd: no daemon runs on this ledger; it takes effect when one does")


def warn_if_too_long(start: datetime, end: datetime | None, settings: Settings | None) -> None:
    """Warn on stderr if what is paused from *start* on would get older than is allowed."""
    if settings and end and end - start > settings.max_pause:
        limit = format_duration(settings.max_pause)
        output.warn(f"cbmaintd: that is longer than max_pause ({limit}) allows")
