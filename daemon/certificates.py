"""Says in time that a cluster's certificate ends: once a day, from two weeks before it on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from daemon import logs
from daemon.journal import Log
from daemon.metrics import ClusterState

AHEAD = timedelta(days=14)
AGAIN = timedelta(days=1)


class CertificateWatch:
    """Remembers what was said last of each cluster."""

    def __init__(self, log: Log) -> None:
        """Begin with nothing said."""
        self._log = log
        self._said: dict[str, datetime] = {}

    def look(self, clusters: Iterable[ClusterState], now: datetime) -> None:
        """Warn of certificates, as last shown to us, that end soon after *now*, or have ended."""
        for cluster in clusters:
            ends, said = cluster.certificate_ends, self._said.get(cluster.name)
            if ends is None or ends - now > AHEAD:
                self._said.pop(cluster.name, None)
            elif said is None or now - said >= AGAIN:
                self._said[cluster.name] = now
                self._log.warning(
                    logs.CERTIFICATE_ENDS,
                    cluster=cluster.name,
                    ends=ends.isoformat(),
                    days=(ends - now).days,
                )
