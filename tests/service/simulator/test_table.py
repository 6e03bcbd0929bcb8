"""Each call of the API, answered to the byte: a table of the ways to make it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.simulator import routes
from daemon.simulator.api import management, settings
from tests.service.simulator.description import Description, Operation
from tests.service.simulator.kit import ACTIVE, MANAGER, SERVICE, Service, plain, started

KINDS = ("right", "missing", "ill-typed", "unknown")
NOTHING_TO_GIVE = "there is no body or parameter"
TASK = {
    "name": "t",
    "task_type": "BACKUP",
    "schedule": {"job_type": "BACKUP", "frequency": 3, "period": "DAYS"},
}
Row = dict[str, Any]


def read(name: str) -> dict[str, Row]:
    """Return the rows of a table."""
    found: dict[str, Row] = yaml.safe_load(Path(__file__).with_name(name).read_text())
    return found


TABLE, MANAGER_TABLE = read("table.yaml"), read("cluster-manager-table.yaml")
TABLES = ((SERVICE, TABLE), (MANAGER, MANAGER_TABLE))


def cases(table: dict[str, Row]) -> list[Any]:
    """Return the cases of a table: a method and what is sent and answered."""
    return [
        pytest.param(call.split()[0], row[kind], id=f"{call}-{kind}")
        for call, row in table.items()
        for kind in KINDS
        if isinstance(row.get(kind), dict)
    ]


def prepared() -> Service:
    """Return a service that has something of everything: what the table asks for."""
    service = started("orders", "archive", "old", "still")
    service.run("backup")
    service.post("/plan/mine", {"tasks": [TASK]})
    service.post(f"{ACTIVE}/still/pause")
    service.post(f"{ACTIVE}/old/archive", {"id": "old"})
    imported = {"id": "imported", "archive": "/archives/i", "repo": "i"}
    service.post("/cluster/self/repository/import", imported)
    service.post("/nodesThreadsMap", {"nodes_threads_map": {"a": 2}})
    return service


@pytest.mark.parametrize(("method", "case"), cases(TABLE))
def test_an_answer_to_the_byte(method: str, case: Row) -> None:
    """Status and body are those of the table (S1, S2, S3, S9, S10, S11, S12, S14, S15)."""
    service, path = prepared(), case["path"]
    if "{task}" in path:
        running = service.post(f"{ACTIVE}/orders/backup", {})["task_name"]
        path = path.replace("{task}", running)
    reply = service.ask(method, path, case.get("body", ""))

    assert (reply.status, plain(reply.body)) == (case["status"], case["answer"])


@pytest.mark.parametrize(("method", "case"), cases(MANAGER_TABLE))
def test_an_answer_of_the_cluster_manager(method: str, case: Row) -> None:
    """Status and body are those of the table (S22)."""
    reply = prepared().manage(method, case["path"], case.get("body", ""))

    assert (reply.status, plain(reply.body)) == (case["status"], case["answer"])


@pytest.mark.parametrize(("described", "table"), TABLES)
def test_the_table_is_complete(described: Description, table: dict[str, Row]) -> None:
    """The table has a row for each call that is described, and four cases or why there is none."""
    assert set(table) == {operation.call for operation in described.operations}
    assert {tuple(row) for row in table.values()} == {KINDS}


def _unproven(operation: Operation, row: Row) -> list[str]:
    """Return the cases without an answer that there could be one for."""
    has_input = operation.body is not None or bool(operation.query)
    allowed = set() if has_input else {NOTHING_TO_GIVE}
    found = [kind for kind in KINDS if isinstance(row[kind], str) and row[kind] not in allowed]
    return found + (["unknown"] if row["unknown"] == NOTHING_TO_GIVE else [])


@pytest.mark.parametrize(("described", "table"), TABLES)
def test_no_case_is_unproven(described: Description, table: dict[str, Row]) -> None:
    """A case is left out only where a call takes nothing that could be missing or ill-typed."""
    unproven = {
        operation.call: cases
        for operation in described.operations
        if (cases := _unproven(operation, table[operation.call]))
    }

    assert unproven == {}


@pytest.mark.parametrize(("described", "table"), TABLES)
def test_each_case_is_of_its_call(described: Description, table: dict[str, Row]) -> None:
    """A row asks for the call that it is named after; only what is unknown may be no call."""
    strangers = [
        (call, kind)
        for call, row in table.items()
        for kind in KINDS
        if isinstance(row[kind], dict)
        and (found := described.find(call.split()[0], row[kind]["path"].partition("?")[0]))
        and found.call != call
    ]

    assert strangers == []


def test_each_route_is_described() -> None:
    """No path is served that the description and so the table do not have."""
    served = {
        (method, re.sub(r"\((?:\?:)?[^()]*\)", "{}", route.path.pattern))
        for route in routes.ROUTES
        for method in route.methods
        if route.handle is not settings.other_cluster
    }
    described = {
        (each.method, ("" if each.path.startswith("/internal") else "/api/v1") + _shape(each))
        for each in SERVICE.operations
    }

    assert served == described


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/cluster/prod", "/cluster/prod/repository/active/x/pause"])
def test_another_cluster(method: str, path: str) -> None:
    """Whatever is asked of another cluster is refused in the same words (S9)."""
    reply = prepared().ask(method, path)

    assert reply.body == (
        b'{"status":400,"msg":"Remote clusters not supported","extras":"Invalid cluster: prod"}'
    )


def test_each_path_of_the_cluster_manager_is_described() -> None:
    """No path is served that the description and so the table do not have."""
    assert set(management.PATHS) == {_shape(each) for each in MANAGER.operations}


def _shape(operation: Operation) -> str:
    return re.sub(r"\{\w+\}", "{}", operation.path)


@pytest.mark.parametrize("call", TABLE)
def test_nobody_gets_anything(call: str) -> None:
    """Without a password or with a wrong role a call is refused before it is read (S4)."""
    method, path = call.split(maxsplit=1)[0], TABLE[call]["right"]["path"]
    service = prepared()
    permission = "ro_admin" if method == "GET" else "backup_admin"

    strangers = service.ask(method, path, "{", user=None)
    refused = [service.ask(method, path, "{", user=user) for user in ("nobody", "reader")]

    assert (strangers.status, strangers.body) == (401, b"Authentication Failure.\n")
    assert ("WWW-Authenticate", 'Basic realm="Couchbase"') in strangers.headers
    assert [reply.status for reply in refused] == [403, 200 if method == "GET" else 403]
    assert plain(refused[0].body) == (
        '{"message":"Forbidden. User needs one of the following permissions",'
        f'"permissions":["{permission}"]}}'
    )


@pytest.mark.parametrize("call", MANAGER_TABLE)
def test_nobody_gets_anything_of_the_cluster_manager(call: str) -> None:
    """It refuses in its own words: an empty 401, and a 403 that names a permission (S4, S22)."""
    method, path = call.split(maxsplit=1)[0], MANAGER_TABLE[call]["right"]["path"]
    service = prepared()
    is_read = method == "GET"

    strangers = service.manage(method, path, "name=x", user=None)
    nobody, reader = (service.manage(method, path, "name=x", user=u) for u in ("nobody", "reader"))

    assert (strangers.status, strangers.body) == (401, b"")
    assert ("WWW-Authenticate", 'Basic realm="Couchbase Server Admin / REST"') in strangers.headers
    assert [nobody.status, reader.status] == [
        200 if path == "/pools" else 403,
        200 if is_read else 403,
    ]
    assert path == "/pools" or nobody.body.startswith(
        b'{"message":"Forbidden. User needs the following permissions","permissions":["cluster.'
    )
