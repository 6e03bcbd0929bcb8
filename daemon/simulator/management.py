"""What the cluster manager answers on its own port, besides the proxy to the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

VERSION = "8.0.0-simulated"
UUID = "5f0c1a5e7f8e4d3b9a2c6d1e0f9b8a7c"


class Cluster(Protocol):
    """The part of a simulator that the answers describe."""

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of the service and of the cluster manager."""

    @property
    def is_encrypted(self) -> bool:
        """Check whether both speak TLS."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The system events so far."""


def manage(cluster: Cluster, path: str) -> tuple[int, object]:
    """Answer a request to the cluster manager with a status and a body."""
    answers: dict[str, Callable[[], object]] = {
        "/pools": _pools,
        "/pools/default": lambda: {"name": "default", "clusterName": "sim", "nodes": [_node()]},
        "/pools/nodes": lambda: {"name": "default", "nodes": [_node()]},
        "/pools/default/nodeServices": lambda: _node_services(cluster),
        "/pools/default/tasks": lambda: [{"type": "rebalance", "status": "notRunning"}],
        "/events": lambda: {"events": cluster.events},
    }
    answer = answers.get(path.rstrip("/"))
    return (200, answer()) if answer else (404, "Object Not Found")


def _pools() -> dict[str, object]:
    return {
        "implementationVersion": VERSION,
        "isEnterprise": True,
        "uuid": UUID,
        "pools": [{"name": "default", "uri": f"/pools/default?uuid={UUID}"}],
    }


def _node() -> dict[str, object]:
    return {
        "hostname": "127.0.0.1:8091",
        "nodeUUID": UUID,
        "services": ["backup", "kv"],
        "status": "healthy",
        "clusterMembership": "active",
        "version": VERSION,
    }


def _node_services(cluster: Cluster) -> dict[str, object]:
    """Return the node; it knows itself as localhost, so that `hostname` is absent."""
    service, management = cluster.ports
    names = ("backupAPIHTTPS", "mgmtSSL") if cluster.is_encrypted else ("backupAPI", "mgmt")
    node = {
        "services": {names[0]: service, names[1]: management, "kv": 11210, "backupGRPC": 9124},
        "thisNode": True,
        "nodeUUID": UUID,
    }
    return {"rev": 1, "revEpoch": 1, "nodesExt": [node]}
