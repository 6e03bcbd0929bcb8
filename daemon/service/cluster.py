"""How to reach one cluster: frozen values, checked before they are built and never after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one HTTP call; `total` bounds all of it, however slowly bytes arrive."""

    connect: timedelta = timedelta(seconds=5)
    read: timedelta = timedelta(seconds=30)
    total: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is sent within one pass, and the bounds of the exponential back-off."""

    attempts: int = 5
    first_delay: timedelta = timedelta(milliseconds=500)
    max_delay: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Tls:
    """Trust and identity of a TLS connection; paths are absolute."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """One cluster of schedules.yaml.

    Exactly one of `urls` (Backup Service roots such as `https://host:18097`, without a slash at the
    end) and `discover` (roots of the cluster manager such as `https://host:18091`) is not empty.
    `allow_insecure_http` is for hosts that discovery names, too.
    """

    name: str
    urls: tuple[str, ...] = ()
    discover: tuple[str, ...] = ()
    username: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    tls: Tls = field(default_factory=Tls)
    timeout: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 8
    labels: tuple[tuple[str, str], ...] = ()
    allow_insecure_http: bool = False

    @property
    def address(self) -> str:
        """Where it is: two clusters of one address are one, whatever they are called."""
        return " ".join(self.urls or self.discover)

    @property
    def speaks_tls(self) -> bool:
        """Whether any of its hosts is reached by TLS; what discovery names has the same scheme."""
        return any(root.startswith("https:") for root in (*self.urls, *self.discover))

    def formerly(self) -> ClusterSettings:
        """Return it under the name its holds go on by when another cluster has taken its name."""
        return replace(self, name=f"{self.name} at {self.address}")


def by_all_names(clusters: Iterable[ClusterSettings]) -> dict[str, ClusterSettings]:
    """Return clusters by their names, and by those that their holds may go on by."""
    return {each.name: each for cluster in clusters for each in (cluster, cluster.formerly())}
