"""The description of the API: a client is made from it, and it refuses what it does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from daemon.simulator.connections import Reply
from tests.service.simulator.description import Client, Description, Operation, Refused
from tests.service.simulator.kit import ACTIVE, MANAGER, ROOT, SERVICE, USERS, Described, started
from tests.service.simulator.test_table import prepared

ELSEWHERE: dict[str, dict[str, Any]] = {
    "createRepository": {"id": "new"},
    "deleteRepository": {"state": "archived", "id": "old"},
    "createPlan": {"name": "new"},
    "setWorm": {"id": "still"},
}
"""What an operation is about where the description's example is of something else."""

OPERATIONS = [pytest.param(each, id=each.id) for each in SERVICE.operations]


def sent(status: int, body: object, kind: str = "application/json") -> Reply:
    """Return an answer."""
    return Reply(status, json.dumps(body).encode(), kind)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_made_client_makes_each_call(operation: Operation) -> None:
    """A client that is made from the description succeeds in each call (S2, S38)."""
    service = prepared()
    given = operation.example() | ELSEWHERE.get(operation.id, {})
    if operation.id == "stopTask":
        given["task"] = service.post(f"{ACTIVE}/orders/backup", {})["task_name"]
    client = Client(SERVICE, service.ask)

    answer = getattr(client, operation.id)(**given)

    assert (answer is None) == (operation.responses["200"]["description"] == "done")


@pytest.mark.parametrize("operation", [pytest.param(e, id=e.id) for e in MANAGER.operations])
def test_a_made_client_asks_the_cluster_manager(operation: Operation) -> None:
    """A client that is made from its description succeeds in each call (S22)."""
    service = prepared()
    client = Client(MANAGER, lambda method, path, body: service.manage(method, path, body.decode()))

    answer = getattr(client, operation.id)(**operation.example())

    assert (answer is None) == (operation.method in {"POST", "DELETE"})


def test_a_made_client_over_sockets() -> None:
    """It works a repository over real connections, from its creation to its end (S6, S21)."""
    with Described((), USERS) as server, requests.Session() as session:
        session.auth = ("Administrator", "password")

        def send(method: str, path: str, body: bytes) -> Reply:
            answer = session.request(method, server.url + ROOT + path, data=body)
            return Reply(answer.status_code, answer.content, answer.headers.get("Content-Type", ""))

        client = Client(SERVICE, send)
        client.createRepository(id="a", body={"plan": "_daily_backups", "archive": "/archives/a"})
        client.pauseRepository(id="a")
        paused = client.getRepository(state="active", id="a")
        client.archiveRepository(id="a", body={"id": "b"})
        with pytest.raises(Refused) as gone:
            client.getRepository(state="active", id="a")
        client.deleteRepository(state="archived", id="b", remove_repository=True)
        left = client.getCluster()

    assert paused["state"] == "paused"
    assert gone.value.reply.status == 404
    assert left == {"name": "self", "imported": {}, "archived": {}, "active": {}}


@pytest.mark.parametrize(
    ("call", "body", "reply", "problem"),
    [
        ("GET /config", b"", sent(200, {"history_rotation_size": 4}), "minimum"),
        ("GET /config", b"", sent(200, {"history_rotation_size": 5, "x": 1}), "'x'"),
        ("GET /config", b"", sent(200, {"history_rotation_size": 5.0}), "'integer'"),
        ("GET /config", b"", sent(204, {}), "no such answer"),
        ("GET /config", b"", sent(200, {}, "text/plain"), "Content-Type"),
        ("GET /config?limit=1", b"", sent(200, {"history_rotation_size": 5}), "limit"),
        (f"GET {ACTIVE}/a/info?limit=x", b"", sent(200, {}), "limit: 'x'"),
        ("POST /config", b'{"history_rotation_size":"5"}', sent(200, {}), "'5'"),
        ("POST /config", b"{", Reply(200), "no JSON"),
        (f"POST {ACTIVE}/a/pause", b"", sent(200, {}), "not empty"),
        ("GET /nowhere", b"", sent(500, {}), "no call"),
        (
            "POST /config",
            b'{"history_rotation_size":5}',
            sent(400, {"status": 400, "msg": "m", "extras": "json: cannot unmarshal"}),
            "refused, and described",
        ),
    ],
)
def test_what_is_not_described(call: str, body: bytes, reply: Reply, problem: str) -> None:
    """What a request or its answer has that the description has not is said."""
    method, _, target = call.partition(" ")
    path, _, query = target.partition("?")

    found = list(SERVICE.problems(method, path, query, body, reply))

    assert [each for each in found if problem in each]


def test_a_made_client_refuses_what_it_has_not() -> None:
    """An argument that is none of the operation's is a fault of the caller."""
    service = started("orders")
    client = Client(SERVICE, service.ask)

    with pytest.raises(TypeError, match="limit"):
        client.getConfig(limit=1)
    with pytest.raises(TypeError, match="body"):
        client.getConfig(body={})
    with pytest.raises(AttributeError):
        client.getNothing()


@pytest.mark.parametrize("described", [SERVICE, MANAGER])
def test_the_description_is_sound(described: Description) -> None:
    """Its references lead somewhere, its operations have their own names, its examples fit."""
    ids = [operation.id for operation in described.operations]
    wrong = [
        (operation.id, parameter["name"])
        for operation in described.operations
        for parameter in operation.parameters
        if described.problem(parameter["schema"], parameter["example"])
    ]

    assert len(ids) == len(set(ids))
    assert wrong == []
    for reference in _references(described.spec):
        described.resolved({"$ref": reference})


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [each for value in node.values() for each in _references(value)]
    if isinstance(node, list):
        return [each for value in node for each in _references(value)]
    return []
