"""The kinds of targets that there are."""

from __future__ import annotations

import pytest

from daemon.notify.kinds.registry import KINDS
from daemon.notify.targets import Kind
from tests import manual


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_each_kind_is_documented(kind: Kind) -> None:
    """The manual's table of kinds has each of them."""
    assert [f"`{kind.key}`"] in [row[:1] for row in manual.table("notify", "one of these")]
