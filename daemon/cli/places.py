"""Where the file and the ledger are, unless the command line says so."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from daemon.config.document import SIZE_LIMIT
from daemon.config.settings import Settings
from daemon.errors import UsageError
from daemon.host.files import read_beginning
from daemon.ledger import url

SYSTEM_CONFIG = Path("/etc/cbmaintd/schedules.yaml")
_LEDGER_LINE = re.compile(
    r"""^ledger:[ ]+(?:(?P<quote>["'])(?P<quoted>[^"'\n]+)(?P=quote)|(?P<plain>[^\s"'#]+))""",
    re.MULTILINE,
)


def find_config(args: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """Return the path of schedules.yaml: as asked for, else the first that exists.

    Raises:
        UsageError: there is none; names the places.

    """
    asked = args.config or environ.get("CBMAINTD_CONFIG")
    if asked:
        return Path(asked)
    places = (Path("schedules.yaml"), SYSTEM_CONFIG)
    for place in places:
        if place.exists():
            return place
    raise UsageError(
        "no schedules.yaml: name it with --config or $CBMAINTD_CONFIG, or put it at"
        f" ./{places[0]} or {places[1]}"
    )


def find_ledger(
    args: argparse.Namespace, environ: Mapping[str, str], found: Settings | Path | None
) -> str:
    """Return the ledger's URL: as asked for, as the file says, else in the usual folder.

    *found* is the configuration, or a file that is invalid but may still say where its ledger is.
    """
    asked = args.ledger or environ.get("CBMAINTD_LEDGER")
    if asked:
        return url.from_argument(asked)
    named = found.ledger if isinstance(found, Settings) else _hint(found)
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
