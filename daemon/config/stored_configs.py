"""Read an earlier configuration again, which the ledger kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daemon.config.file_watch import Content
from daemon.config.reading.limits import Limits
from daemon.config.reading.process import FileReading
from daemon.config.reading.request import Request
from daemon.config.settings import Settings
from daemon.ledger.ledger import Ledger
from daemon.ledger.state import AppliedConfig
from daemon.service.cluster import ClusterSettings, by_all_names


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
            known = by_all_names(settings.clusters.values())
            found |= {name: known[name] for name in names & known.keys() - found.keys()}
        if found.keys() == names:
            break
    return found


def read_again(
    applied: AppliedConfig, environ: Mapping[str, str], limits: Limits | None = None
) -> Settings | None:
    """Return what a configuration means; None if it is no longer valid.

    A secret deleted since then must not prevent a resume. It is read under *limits* like any file:
    another version may have accepted it, or another daemon on the same database.
    """
    request = Request(
        Content(applied.text),
        applied.path,
        applied.folder,
        environ,
        check_secrets=False,
        kept=applied.attached,
        limits=limits or Limits(),
    )
    return FileReading().read(request).settings
