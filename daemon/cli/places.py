"""Where the file and the ledger are, unless the command line says so."""

from __future__ import annotations

import argparse
import os
import re
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli import output
from daemon.config.document import SIZE_LIMIT
from daemon.errors import UsageError
from daemon.host.files import read_beginning
from daemon.ledger import url

if TYPE_CHECKING:
    from daemon.config.settings import Settings

HERE = Path("schedules.yaml")
SYSTEM_CONFIG = Path("/etc/cbmaintd/schedules.yaml")
_LEDGER_LINE = re.compile(
    r"""^ledger:[ ]+(?:(?P<quote>["'])(?P<quoted>[^"'\n]+)(?P=quote)|(?P<plain>[^\s"'#]+))""",
    re.MULTILINE,
)


def find_config(args: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """Return the path of schedules.yaml: as asked for, else the first that exists.

    One in this folder counts only where nobody else may write; otherwise a line says so.

    Raises:
        UsageError: there is none; names the places.

    """
    asked = args.config or environ.get("CBMAINTD_CONFIG")
    if asked:
        return Path(asked)
    if HERE.exists():
        reason = why_not_trusted(HERE)
        if not reason:
            return HERE
        if "_ARGCOMPLETE" not in environ:
            _say_once(f"cbmaintd: ./{HERE} is passed over: {reason}; to use it, name it: -c {HERE}")
    if SYSTEM_CONFIG.exists():
        return SYSTEM_CONFIG
    raise UsageError(
        "no schedules.yaml: name it with --config or $CBMAINTD_CONFIG, or put it at"
        f" ./{HERE} or {SYSTEM_CONFIG}; cbmaintd init --url https://HOST:18097 writes one for a"
        " cluster, cbmaintd init an example"
    )


def why_not_trusted(file: Path) -> str:
    """Return why nobody should use *file* just because they stand in its folder; empty if they may.

    Whoever may write there would have the command send passwords to clusters of their own.
    """
    real = Path(os.path.realpath(file))
    for place, what in ((file.parent, "its folder"), (real.parent, "its folder"), (real, "it")):
        try:
            status = place.stat()
        except OSError as exc:
            return f"{what} cannot be looked at ({exc.strerror})"
        if status.st_uid not in {os.geteuid(), 0}:
            return f"{what} belongs to somebody else"
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"others can write {what}"
    return ""


@cache
def _say_once(line: str) -> None:
    output.warn(line)


def find_ledger(
    args: argparse.Namespace, environ: Mapping[str, str], found: Settings | Path | None
) -> str:
    """Return the ledger's URL: as asked for, as the file says, else in the usual folder.

    *found* is the configuration, or a file that is invalid but may still say where its ledger is.
    """
    asked = args.ledger or environ.get("CBMAINTD_LEDGER")
    if asked:
        return url.from_argument(asked)
    named = _hint(found) if found is None or isinstance(found, Path) else found.ledger
    if named:
        return url.from_argument(named)
    return url.from_argument(str(_state_folder(environ) / "ledger.db"))


def _hint(file: Path | None) -> str | None:
    """Return where an invalid file says its ledger is: a bad edit must not hide the holds."""
    if file is None:
        return None
    try:
        text = read_beginning(file, SIZE_LIMIT).decode(errors="replace")
    except OSError:
        return None
    matched = _LEDGER_LINE.search(text)
    return matched["quoted"] or matched["plain"] if matched else None


def _state_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or "/") / ".local" / "state"
    return Path(home) / "cbmaintd"
