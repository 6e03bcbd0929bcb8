"""`cbmaintd init`: a first schedules.yaml, of what a live cluster has, or the example."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.cli import output
from daemon.cli.shipped import EXAMPLE, shipped
from daemon.errors import ConfigError, UsageError
from daemon.service.cluster import ClusterSettings

_LOCALTIME = Path("/etc/localtime")
_ZONES = "zoneinfo/"


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the file; a cluster is only asked for lists.

    Raises:
        UsageError: an option is missing, or its value cannot be used.
        ServiceError: the cluster is not responding correctly.

    """
    given = {"--username": args.username, "--password-file": args.password_file}
    if not (args.url or args.discover):
        if surplus := [name for name, value in given.items() if value]:
            raise UsageError(
                f"{surplus[0]} goes with --url or --discover; see cbmaintd init --help"
            )
        output.write(shipped(EXAMPLE))
        return 0
    if missing := [name for name, value in given.items() if not value]:
        raise UsageError(
            f"{' and '.join(missing)} missing: the service requires them; see cbmaintd init --help"
        )
    output.write(_drafted(args, environ))
    return 0


def _drafted(args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    from daemon.cli.drafting import draft  # noqa: PLC0415  # not for the example
    from daemon.cli.reports.impact import Inventory  # noqa: PLC0415
    from daemon.cli.reports.inventory import take_inventories  # noqa: PLC0415  # HTTP takes long

    where = {"url": args.url} if args.url else {"discover": args.discover}
    # Wherever the file is put, it finds these.
    password_file = _secret(args.password_file, environ)
    ca_file = str(Path(args.ca_file).absolute()) if args.ca_file else None
    keys = {**where, "username": args.username, "password_file": password_file}
    source, zone, now = draft.Source(keys, ca_file), _zone(environ), datetime.now(UTC)
    text = draft.head(source, zone, now) + "windows: {}\n"
    cluster = _cluster(text, environ)
    answer = take_inventories({cluster.name: cluster}, environ)[cluster.name]
    if not isinstance(answer, Inventory):
        raise answer
    return draft.draft(source, answer, zone, now)


def _secret(file: str, environ: Mapping[str, str]) -> str:
    """Return how the file names a secret: a credential of systemd by its name, else by its path.

    The unit's user cannot read the folder in which an administrator keeps credentials.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        credential = Path(folder, file)
        if credential.parent == Path(folder) and credential.is_file():
            return credential.name
    return str(Path(file).absolute())


def _cluster(text: str, environ: Mapping[str, str]) -> ClusterSettings:
    """Return the cluster of a beginning. Raises UsageError, which names the option."""
    from daemon.config.days.attachments import Attachments  # noqa: PLC0415
    from daemon.config.settings import parse  # noqa: PLC0415

    try:
        settings = parse(
            text.encode("utf-8", "surrogateescape"),
            "init",
            environ=environ,
            attachments=Attachments(Path.cwd()),
        )
    except ConfigError as exc:
        fault = exc.faults[0]
        key = fault.path.rpartition(".")[2].replace("_", "-")
        raise UsageError(f"--{key}: {fault.message}") from exc
    (cluster,) = settings.clusters.values()
    return cluster


def _zone(environ: Mapping[str, str]) -> ZoneInfo:
    """Return the zone of this machine, by its name; UTC where it has none that is known."""
    named = environ.get("TZ", "").removeprefix(":")
    if not named:
        try:
            named = os.readlink(_LOCALTIME).rpartition(_ZONES)[2]  # noqa: PTH115  # only the text
        except OSError:
            named = "UTC"
    try:
        return ZoneInfo(named or "UTC")
    except (ValueError, OSError):
        return ZoneInfo("UTC")
