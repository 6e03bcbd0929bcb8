"""What is known of the service and has a side in the simulator: each fact has its tests.

A test names the facts that it holds the simulator to by their numbers in its docstring.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
FACTS = {
    "S1": "a refusal is `status`, `msg` and, unless empty, `extras`, as Go writes JSON",
    "S2": "a success without an answer is an empty 200 with the content type of JSON",
    "S3": "a body that is no JSON, or of a wrong type, is refused in the words of Go's decoder",
    "S4": "401 is plain text with a challenge, 403 names a role in words: ro_admin, backup_admin",
    "S5": "no more than 10 MiB of a body are read, and only its first value counts",
    "S6": "a paused repository stays under active, without a schedule; runs due are lost",
    "S7": "pause and resume may be repeated; with `{}`, with no body, with anything",
    "S8": "tasks that run go on through a pause, and one-off tasks are accepted",
    "S9": "an unknown repository, plan or path is a 404; an unknown state or cluster a 400",
    "S10": "of a new repository the request is checked before the plan is looked up",
    "S11": "a plan has 1 to 14 tasks, names of 1 to 50 characters, frequencies up to 5000",
    "S12": "the rotation size is 5 to 200, without one nothing changes; the period is kept",
    "S13": "there are four plans from the beginning, and nobody changes these",
    "S14": "threads by node come in `nodes_threads_map`; POST replaces, PATCH merges",
    "S15": "limit and offset of info and history are counts, and anything else a 400",
    "S16": "tasks leave backups, FULL, then INCR, and a merge `MERGE - FULL`, seen in info",
    "S17": "a merge of what is not there fails; such a restore is refused",
    "S18": "an archive is an absolute path, and a usable one: others are a 400 or a 500",
    "S19": "a repository whose bucket is gone is unhealthy, and its backups cannot be sent",
    "S20": "retention expires backups, WORM asks for a paused repository",
    "S21": "HTTP/1.1 as Go's server speaks it: chunks, Expect, HEAD, pipelining, 405",
    "S22": "the cluster manager lists nodes, buckets and services, and leads to the service",
    "S23": "trouble with ns_server is a 500 `Could not authenticate user`",
    "S24": "a login layer that is not ready answers an empty 200",
    "S25": "with a dead leader calls are taken, and nothing happens",
    "S27": "what happens to repositories, plans and tasks is a system event of its number",
    "S26": "who cannot ask whether a certificate is revoked lets the call wait",
}
"""By our own numbers."""


def _named() -> dict[str, set[str]]:
    """Return the facts that each test names."""
    found: dict[str, set[str]] = {}
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = set(re.findall(r"\bS\d+\b", ast.get_docstring(node) or ""))
    return found


def test_each_fact_has_a_test() -> None:
    """No fact is without a test that names it, and no test names one that is not there."""
    named = {fact for facts in _named().values() for fact in facts}

    assert named == set(FACTS)
