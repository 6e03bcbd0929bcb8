"""The kinds of targets that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.notify.kinds.registry import KINDS
from daemon.notify.targets import Kind

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_each_kind_is_documented(kind: Kind) -> None:
    """The README's table of kinds has each of them."""
    section = (ROOT / "README.md").read_text().partition("\n## Telling people\n")[2]

    assert f"\n| `{kind.key}` | " in section
