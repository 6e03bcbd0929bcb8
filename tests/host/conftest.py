"""A real PostgreSQL for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.postgres import Postgres, server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Run one server for all tests of a module."""
    with server() as running:
        yield running
