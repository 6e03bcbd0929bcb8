"""Says in time that a cluster's certificate ends: once a day, from two weeks before it on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from daemon.log import events
from daemon.log.interface import Log

AHEAD = timedelta(days=14)
AGAIN = timedelta(days=1)


class CertificateWatch:
    """Remembers what was said last of each cluster."""

    def __init__(self, log: Log) -> None:
        """Begin with nothing said."""
        self._log = log
        self._said: dict[str, datetime] = {}

    def look(self, certificates: Mapping[str, datetime | None], now: datetime) -> None:
        """Warn of clusters whose certificate, as last shown to us, ends soon after *now*."""
        for cluster, ends in certificates.items():
            said = self._said.get(cluster)
            if ends is None or ends - now > AHEAD:
                self._said.pop(cluster, None)
            elif said is None or now - said >= AGAIN:
                self._said[cluster] = now
                self._log.warning(
                    events.CERTIFICATE_ENDS,
                    cluster=cluster,
                    ends=ends.isoformat(),
                    days=(ends - now).days,
                )
