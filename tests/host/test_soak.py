"""The soak with three members, a database and a pooler: no promise is broken, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host import pooler, postgres

ROOT = Path(__file__).parents[2]
MISSING = postgres.unavailable() or pooler.unavailable()


@pytest.mark.nightly
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize("seed", [2, 3], ids=["transaction pooling", "session pooling"])
def test_three_members_keep_every_promise(seed: int) -> None:
    """The world is healed in the end, and two histories are compared."""
    options = ["--members", "3", "--minutes", "1", "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.soak", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=570,
    )

    assert done.stdout, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["violations"] == [], json.dumps(report, indent=2)
    assert report["pauses seen"] > 0
    assert all(report["calls of each"].values())
