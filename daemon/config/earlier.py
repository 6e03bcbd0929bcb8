"""Configurations that were in force once, as the ledger keeps them, and what they still tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from daemon.config.days.attachments import Attachments
from daemon.config.settings import Settings, parse
from daemon.errors import ConfigError
from daemon.ledger.ledger import Ledger
from daemon.ledger.state import AppliedConfig
from daemon.service.cluster import ClusterSettings


def last_good(ledger: Ledger, environ: Mapping[str, str]) -> Settings | None:
    """Return what was in force last; None if nothing was, or it is valid no more."""
    last = ledger.last_good()
    return read_again(last, environ) if last else None


def clusters(
    names: set[str], configs: Iterable[AppliedConfig], environ: Mapping[str, str]
) -> dict[str, ClusterSettings]:
    """Find how clusters that the file no longer names were reached; *configs*, the newest first."""
    found: dict[str, ClusterSettings] = {}
    for applied in configs:
        settings = read_again(applied, environ)
        if settings:
            moved = (cluster.formerly() for cluster in settings.clusters.values())
            known = {**{cluster.name: cluster for cluster in moved}, **settings.clusters}
            found |= {name: known[name] for name in names & known.keys() - found.keys()}
    return found


def read_again(applied: AppliedConfig, environ: Mapping[str, str]) -> Settings | None:
    """Read a configuration again; a secret gone since then must not stop a resume."""
    with suppress(ConfigError):
        return parse(
            applied.text,
            applied.path,
            environ=environ,
            check_secrets=False,
            attachments=Attachments(applied.folder, applied.attached),
        )
    return None
