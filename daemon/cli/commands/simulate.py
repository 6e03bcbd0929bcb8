"""`cbmaintd simulate`: the Backup Service's REST API on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.cli import output
from daemon.core.repository import ID_RULE, is_id
from daemon.durations import parse_duration
from daemon.errors import UsageError
from daemon.simulator.faults import OddServer, odd_server
from daemon.simulator.server import Simulator
from daemon.simulator.standalone import SimulatorOptions, serve
from daemon.wording import counted, cut, shown

MOST_AT_ONCE = 20
"""How many requests of a tenth of a second are shown."""

LONGEST_PATH = 200


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: an option's value, or half of a TLS pair.
        HostError: a port is taken, or a file cannot be used.

    """
    if bool(args.tls_cert) != bool(args.tls_key):
        raise UsageError("--tls-cert and --tls-key go together")
    for option, file in (("--tls-cert", args.tls_cert), ("--tls-key", args.tls_key)):
        # OpenSSL does not say which of them it misses.
        if file and not Path(file).is_file():
            raise UsageError(f"{option} {file}: there is no such file")
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
        ),
        _Requests().follow if output.is_terminal() else None,
    )


class _Requests:
    """Shows on a terminal the requests that a simulator has had; of very many their number."""

    def __init__(self) -> None:
        self._shown = 0

    def follow(self, simulator: Simulator) -> None:
        """Print those that have come since."""
        every = simulator.requests
        new = every[self._shown :]
        self._shown = len(every)
        for seen in new[:MOST_AT_ONCE]:
            user = f"  ({seen.user})" if seen.user else "  (no user)"
            path = cut(seen.path, LONGEST_PATH)
            output.say(f"{seen.at.astimezone():%H:%M:%S}  {seen.method:<4} {path}{user}")
        if more := len(new[MOST_AT_ONCE:]):
            output.say(f"          and {counted(more, 'more request', 'more requests')}")
        output.flush()


def _repositories(text: str) -> tuple[str, ...]:
    ids = tuple(id_.strip() for id_ in text.split(",") if id_.strip())
    for id_ in ids:
        if not is_id(id_):
            raise UsageError(f"--repositories: {shown(id_)} is not a repository id: {ID_RULE}")
    return ids


def _odd(faults: Sequence[str]) -> OddServer:
    try:
        return odd_server(faults, parse_duration)
    except ValueError as exc:
        raise UsageError(f"--fault {shown(' '.join(faults))}: {exc}") from exc


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
