"""Each call of the API, answered to the byte: a table of the ways to make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.service.simulator.kit import ACTIVE, Service, operations, plain, started

KINDS = ("right", "missing", "ill-typed", "unknown")
TASK = {
    "name": "t",
    "task_type": "BACKUP",
    "schedule": {"job_type": "BACKUP", "frequency": 3, "period": "DAYS"},
}
FILE = Path(__file__).with_name("table.yaml")
TABLE: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text()) if FILE.exists() else {}
CASES = [
    pytest.param(call.split()[0], row[kind], id=f"{call}-{kind}")
    for call, row in TABLE.items()
    for kind in KINDS
    if isinstance(row[kind], dict)
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


@pytest.mark.parametrize(("method", "case"), CASES)
def test_an_answer_to_the_byte(method: str, case: dict[str, Any]) -> None:
    """Status and body are those of the table (S1, S2, S3, S9, S10, S11, S12, S14, S15)."""
    reply = prepared().ask(method, case["path"], case.get("body", ""))

    assert (reply.status, plain(reply.body)) == (case["status"], case["answer"])


def test_the_table_is_complete() -> None:
    """The table has a row for each call that is described, and four cases or why there is none."""
    described = {f"{method} {path}" for method, path in operations()}

    assert set(TABLE) == described
    assert {tuple(row) for row in TABLE.values()} == {KINDS}


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
