"""`cbmaintd install-unit`: put units, an example file and the man pages where they belong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daemon.cli import output, places
from daemon.cli.manual import man_pages
from daemon.cli.shipped import EXAMPLE, shipped
from daemon.errors import HostError, UsageError

UNIT, ON_FAILURE = "cbmaintd.service", "cbmaintd-failure@.service"
SHIPPED_PROGRAM = "/opt/cbmaintd/bin/cbmaintd"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # named, not used
"""What the unit cannot see (ProtectHome, PrivateTmp)."""

_DIVIDES = " ;'\"\\"
"""Of what is printable, that which ends or joins words in a unit."""

NEXT = """\
what to do now:
  edit {config} (as it is written first, it is an example)
  put each password into /etc/cbmaintd/secrets/NAME (chmod 600), and hand it over:
    systemctl edit cbmaintd      [Service]
                                 LoadCredential=NAME:/etc/cbmaintd/secrets/NAME
  CREDENTIALS_DIRECTORY=/etc/cbmaintd/secrets {program} check --online
  systemctl daemon-reload
  systemctl enable --now cbmaintd
"""


@dataclass(frozen=True, slots=True)
class _File:
    """A file to write; an example never replaces what is there."""

    path: Path
    text: str
    is_example: bool = False


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write them below `--root`, or print the unit.

    Raises:
        UsageError: the program is not installed where a service could start it.
        HostError: a file cannot be written, or is not part of this installation.

    """
    named = args.config or environ.get("CBMAINTD_CONFIG") or places.SYSTEM_CONFIG
    config = Path(named).absolute()
    program = Path(sys.prefix, "bin", "cbmaintd")
    for path in (config, program):
        if not str(path).isprintable():
            raise UsageError(f"{path}: a unit cannot name such a path")
    unit = _unit(program, config)
    refusal = _why_not(program)
    if args.print:
        output.write(unit)
        if refusal:
            output.warn(f"cbmaintd: this unit would not be installed: {refusal}")
        return 0
    if refusal:
        raise UsageError(refusal)
    root = Path(args.root or "/")
    units, manuals = root / "etc/systemd/system", root / "usr/local/share/man"
    files = (
        _File(units / UNIT, unit),
        _File(units / ON_FAILURE, shipped(f"systemd/{ON_FAILURE}")),
        _File(root / config.relative_to("/"), shipped(EXAMPLE), is_example=True),
        *(_File(manuals / man_pages.place(n), make()) for n, make in man_pages.MAKERS.items()),
    )
    try:
        secrets = root / "etc/cbmaintd/secrets"
        secrets.parent.mkdir(parents=True, exist_ok=True)
        secrets.mkdir(mode=0o700, exist_ok=True)
        for file in files:
            output.say(f"{file.path}: {_written(file)}")
    except PermissionError as exc:
        raise HostError(f"{exc.filename}: {exc.strerror}; run it as root, or with --root") from exc
    except OSError as exc:
        raise HostError(f"{exc.filename}: {exc.strerror}") from exc
    for line in NEXT.splitlines():
        output.say(line.format(config=config, program=program))
    return 0


def _why_not(program: Path) -> str:
    """Return why no service could start the command of this environment; empty if one could."""
    if not program.exists():
        return (
            f"{program}: there is no command here; install cbmaintd into an environment of its own,"
            " as `cbmaintd manual installing` says, and run this from there"
        )
    hidden = next((top for top in HIDDEN if program.is_relative_to(top)), None)
    if hidden:
        return (
            f"{program}: a service does not see {hidden}; install into /opt/cbmaintd, as"
            " `cbmaintd manual installing` says, and run this from there"
        )
    return ""


def _unit(program: Path, config: Path) -> str:
    unit = shipped(f"systemd/{UNIT}").replace(f"={SHIPPED_PROGRAM} ", f"={_word(program)} ")
    named = f"--config {places.SYSTEM_CONFIG} "
    # In an argument, other than in the name of the program, systemd also replaces variables.
    return unit.replace(named, f"--config {_word(config).replace('$', '$$')} ")


def _word(path: Path) -> str:
    """Return *path* as one word of a line of a unit: no specifier, no second argument."""
    text = str(path).replace("%", "%%")
    if not set(text) & set(_DIVIDES):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written(file: _File) -> str:
    wanted = file.text.encode()
    there = file.path.read_bytes() if file.path.exists() else None
    if there == wanted:
        return "unchanged"
    if there is not None and file.is_example:
        return "kept as it is"
    file.path.parent.mkdir(parents=True, exist_ok=True)
    draft = file.path.with_name(f".{file.path.name}.new")
    draft.write_bytes(wanted)
    draft.chmod(0o644)
    draft.replace(file.path)
    return "written" if there is None else "replaced"
