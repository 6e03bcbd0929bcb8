"""Warnings that a cluster's certificate expires: daily, from two weeks before it does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from daemon.log import events
from daemon.log.interface import Log

AHEAD = timedelta(days=14)
AGAIN = timedelta(days=1)
LOOK_EVERY = timedelta(hours=1)


class CertificateWatch:
    """Remembers when each cluster's last warning was."""

    def __init__(self, log: Log) -> None:
        """Begin with no warning."""
        self._log = log
        self._warned: dict[str, datetime] = {}
        self._looked: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Check whether the last look was long ago, on a clock that may have been set back."""
        return self._looked is None or abs(now - self._looked) >= LOOK_EVERY

    def look(self, certificates: Mapping[str, datetime | None], now: datetime) -> None:
        """Log the clusters whose certificate, as last presented to us, expires soon after *now*."""
        self._looked = now
        for cluster, ends in certificates.items():
            warned = self._warned.get(cluster)
            if ends is None or ends - now > AHEAD:
                self._warned.pop(cluster, None)
            elif warned is None or now - warned >= AGAIN:
                self._warned[cluster] = now
                self._log.warning(
                    events.CERTIFICATE_ENDS,
                    cluster=cluster,
                    ends=ends.isoformat(),
                    days=(ends - now).days,
                )
