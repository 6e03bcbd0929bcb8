"""Whatever is asked, the answer is one that is described, in Go's words where a type is wrong."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.simulator.description import Operation
from tests.service.simulator.kit import ACTIVE, SERVICE
from tests.service.simulator.test_table import prepared

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**63, 2**64, 1e308, 0.5, 10**30]),
    st.text(max_size=60),
    st.sampled_from(["", "orders", "mine", "default", "/archives/x", "s3://b/a", "22:00", "2026"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
CHANGES = [each for each in SERVICE.operations if each.takes_json]


def varied(example: Any) -> st.SearchStrategy[Any]:
    """Return an example with any of its parts replaced, left out or as they were."""
    if isinstance(example, dict):
        parts = {key: varied(value) for key, value in example.items()}
        return VALUES | st.fixed_dictionaries({}, optional=parts)
    if isinstance(example, list):
        return VALUES | st.lists(varied(example[0]), max_size=3)
    return st.just(example) | VALUES


@pytest.mark.parametrize("operation", [pytest.param(each, id=each.id) for each in CHANGES])
def test_any_body(operation: Operation) -> None:
    """A body of any shape is taken or refused as described, and the service goes on (S3, S38)."""
    service = prepared()
    given_ = operation.example()
    path = operation.path.format(**{**given_, "state": "active"})

    @settings(max_examples=40)
    @given(body=varied(given_["body"]))
    def ask(body: object) -> None:
        reply = service.ask(operation.method, path, json.dumps(body))

        assert reply.status in {200, 400, 404, 500}

    ask()
    service.clock.pass_(days=2)
    assert service.ask("GET", "/cluster/self").status == 200


@pytest.mark.parametrize("name", ["info", "taskHistory"])
def test_any_query(name: str) -> None:
    """A query of any kind is answered as described, too (S15)."""
    service = prepared()
    path = f"{ACTIVE}/orders/{name}"
    operation = SERVICE.find("GET", path)
    assert operation is not None
    texts = st.text(max_size=20) | st.integers().map(str)

    @settings(max_examples=40)
    @given(query=st.dictionaries(st.sampled_from(sorted(operation.query)), texts))
    def ask(query: dict[str, str]) -> None:
        reply = service.ask("GET", f"{path}?{urlencode(query)}")

        assert reply.status in {200, 400}

    ask()
