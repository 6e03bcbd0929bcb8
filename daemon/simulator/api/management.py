"""What the cluster manager answers on its own port, besides the proxy to the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

from daemon.simulator.connections import Reply
from daemon.simulator.credentials import READERS, WRITERS
from daemon.simulator.go_json import encode
from daemon.simulator.model import Model
from daemon.simulator.refusals import Json, Refusal
from daemon.simulator.tasks import CLUSTER, NODE

VERSION = "8.0.0-simulated"

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_BUCKETS = "/pools/default/buckets"


class Cluster(Protocol):
    """The part of a simulator that the answers describe."""

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of the service and of the cluster manager."""

    @property
    def users(self) -> Mapping[str, tuple[str, str]]:
        """The users by name, each with password and role."""

    @property
    def is_encrypted(self) -> bool:
        """Check whether both speak TLS."""

    @property
    def is_served(self) -> bool:
        """Check whether the node runs the Backup Service."""

    @property
    def external(self) -> Json | None:
        """The alternate address of the node: `hostname` and, perhaps, `ports`."""


@dataclass(frozen=True)
class Call:
    """A request to the cluster manager: its query, which a POST has in its body, and its role."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: bytes
    role: str


Answer = Callable[[Cluster, Model, Call], object]


def manage(cluster: Cluster, model: Model, call: Call) -> Reply:
    """Answer a request to the cluster manager."""
    path = call.path.rstrip("/")
    is_read = call.method in {"GET", "HEAD"}
    if path != "/pools" and call.role not in (READERS if is_read else WRITERS):
        return _forbidden("cluster.pools!read" if is_read else "cluster.buckets!create")
    if path == _BUCKETS and call.method == "POST":
        return _add_bucket(model, call.body)
    if path.startswith(f"{_BUCKETS}/"):
        return _bucket(model, call.method, path.removeprefix(f"{_BUCKETS}/"))
    return _answered(_ANSWERS.get(path), cluster, model, call)


def admits(cluster: Cluster, target: str, user: str, password: str) -> bool:
    """Check whether somebody may log in to a target; one that is not this cluster is believed."""
    host, _, port = target.rpartition("//")[2].rstrip("/").rpartition(":")
    if host not in _LOOPBACK or port != str(cluster.ports[1]):
        return True
    return user in cluster.users and cluster.users[user][0] == password


def _answered(answer: Answer | None, cluster: Cluster, model: Model, call: Call) -> Reply:
    if answer is None:
        return _unknown()
    if call.method not in {"GET", "HEAD"}:
        return Reply(405, b"Method Not Allowed", "text/plain", (("Allow", "GET, HEAD"),))
    try:
        return Reply(200, encode(answer(cluster, model, call)))
    except Refusal as exc:
        return Reply(exc.status, encode({"errors": {"_": exc.body["msg"]}}))


def _forbidden(permission: str) -> Reply:
    text = "Forbidden. User needs the following permissions"
    return Reply(403, encode({"message": text, "permissions": [permission]}))


def _unknown() -> Reply:
    return Reply(404, b"Object Not Found", "text/plain")


def _bucket(model: Model, method: str, name: str) -> Reply:
    if name not in model.buckets:
        return _unknown()
    if method == "DELETE":
        del model.buckets[name]
        model.save()
        return Reply(200, kind="")
    if method not in {"GET", "HEAD"}:
        return Reply(405, b"Method Not Allowed", "text/plain", (("Allow", "DELETE, GET, HEAD"),))
    return Reply(200, encode(_shown(model.buckets[name])))


def _add_bucket(model: Model, body: bytes) -> Reply:
    given = parse_qs(body.decode(errors="replace"))
    name = given.get("name", [""])[0]
    if not name or name in model.buckets:
        why = "a bucket has this name" if name else "a bucket needs a name"
        return Reply(400, encode({"errors": {"name": why}, "summaries": {}}))
    model.add_bucket(name)
    model.save()
    return Reply(202, kind="")


def _shown(bucket: Json) -> Json:
    return {
        "name": bucket["name"],
        "uuid": bucket["uuid"],
        "bucketType": "membase",
        "uri": f"{_BUCKETS}/{bucket['name']}?bucket_uuid={bucket['uuid']}",
        "nodeLocator": "vbucket",
        "replicaNumber": 0,
        "quota": {"ram": 104857600, "rawRAM": 104857600},
        "basicStats": {"itemCount": bucket["items"], "diskUsed": bucket["size"]},
    }


def _pools() -> Json:
    return {
        "implementationVersion": VERSION,
        "isEnterprise": True,
        "uuid": CLUSTER,
        "pools": [{"name": "default", "uri": f"/pools/default?uuid={CLUSTER}"}],
    }


def _pool(cluster: Cluster) -> Json:
    return {
        "name": "default",
        "clusterName": "sim",
        "nodes": [_node(cluster)],
        "buckets": {"uri": _BUCKETS},
        "rebalanceStatus": "none",
    }


def _node(cluster: Cluster) -> Json:
    return {
        "hostname": f"127.0.0.1:{cluster.ports[1]}",
        "configuredHostname": f"127.0.0.1:{cluster.ports[1]}",
        "nodeUUID": NODE,
        "services": ["backup", "kv"] if cluster.is_served else ["kv"],
        "status": "healthy",
        "clusterMembership": "active",
        "version": VERSION,
    }


def _node_services(cluster: Cluster) -> Json:
    """Return the node; it knows itself as localhost, so that `hostname` is absent."""
    service, management = cluster.ports
    names = ("backupAPIHTTPS", "mgmtSSL") if cluster.is_encrypted else ("backupAPI", "mgmt")
    services = {names[1]: management, "kv": 11210}
    if cluster.is_served:
        services |= {names[0]: service, "backupGRPC": 9124}
    node = {"services": services, "thisNode": True, "nodeUUID": NODE}
    if cluster.external:
        node["alternateAddresses"] = {"external": cluster.external}
    return {"rev": 1, "revEpoch": 1, "nodesExt": [node]}


def _events(model: Model, call: Call) -> Json:
    model.catch_up()
    return {"events": model.events.listed(call.query)}


_ANSWERS: dict[str, Answer] = {
    "/pools": lambda *_: _pools(),
    "/pools/default": lambda cluster, *_: _pool(cluster),
    "/pools/nodes": lambda cluster, *_: {"name": "default", "nodes": [_node(cluster)]},
    "/pools/default/nodeServices": lambda cluster, *_: _node_services(cluster),
    "/pools/default/tasks": lambda *_: [{"type": "rebalance", "status": "notRunning"}],
    _BUCKETS: lambda _, model, __: [_shown(each) for each in model.buckets.values()],
    "/events": lambda _, model, call: _events(model, call),
}
PATHS = (*_ANSWERS, f"{_BUCKETS}/{{}}")
"""What there is; `{}` is the name of a bucket."""
