"""`cbmaintd simulate`: the Backup Service's REST API on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.core.repository import is_id
from daemon.durations import parse_duration
from daemon.errors import UsageError
from daemon.simulator.faults import OddServer, odd_server
from daemon.simulator.standalone import SimulatorOptions, serve
from daemon.wording import shown


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: an option's value, or half of a TLS pair.
        HostError: a port is taken, or a file cannot be used.

    """
    if bool(args.tls_cert) != bool(args.tls_key):
        raise UsageError("--tls-cert and --tls-key go together")
    try:
        latency = parse_duration(args.latency)
    except ValueError as exc:
        raise UsageError(f"--latency: {exc}") from exc
    return serve(
        SimulatorOptions(
            host=args.host,
            port=args.port,
            management_port=args.management_port,
            repositories=_repositories(args.repositories),
            username=args.username,
            password=args.password,
            tls_cert=_path(args.tls_cert),
            tls_key=_path(args.tls_key),
            latency=latency,
            state_file=_path(args.state_file),
            odd=_odd(args.fault or ()),
        )
    )


def _repositories(text: str) -> tuple[str, ...]:
    ids = tuple(id_.strip() for id_ in text.split(",") if id_.strip())
    for id_ in ids:
        if not is_id(id_):
            raise UsageError(
                f"--repositories: {shown(id_)} is no id of a repository: letters, digits, _ and -,"
                " at most 50, the first a letter or digit"
            )
    return ids


def _odd(faults: Sequence[str]) -> OddServer:
    try:
        return odd_server(faults, parse_duration)
    except ValueError as exc:
        raise UsageError(f"--fault {shown(' '.join(faults))}: {exc}") from exc


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
