"""Read an earlier configuration again, which the ledger kept."""

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
    """Return what was last in force; None if nothing was, or it is no longer valid."""
    last = ledger.last_good()
    return read_again(last, environ) if last else None


def clusters(
    names: set[str], configs: Iterable[AppliedConfig], environ: Mapping[str, str]
) -> dict[str, ClusterSettings]:
    """Return how clusters that the file no longer names were reached; *configs* newest first."""
    found: dict[str, ClusterSettings] = {}
    for applied in configs:
        settings = read_again(applied, environ)
        if settings:
            moved = (cluster.formerly() for cluster in settings.clusters.values())
            known = {**{cluster.name: cluster for cluster in moved}, **settings.clusters}
            found |= {name: known[name] for name in names & known.keys() - found.keys()}
    return found


def read_again(applied: AppliedConfig, environ: Mapping[str, str]) -> Settings | None:
    """Parse a configuration again; a secret deleted since then must not prevent a resume."""
    with suppress(ConfigError):
        return parse(
            applied.text,
            applied.path,
            environ=environ,
            check_secrets=False,
            attachments=Attachments(applied.folder, applied.attached),
        )
    return None
