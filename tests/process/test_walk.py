"""The first steps of somebody new, word by word as the manual has them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests import manual

AFTER = {
    "cbmaintd simulate": "until (: < /dev/tcp/127.0.0.1/8097) 2>/dev/null; do sleep 0.1; done",
    "cbmaintd run": "until cbmaintd status 2>/dev/null | grep -q 'daemon runs'; do sleep 0.1; done",
}
"""What a person waits for after a command in the background, without thinking of it."""


def free_port() -> int:
    """Return a port that is free: the manual's may be somebody's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def script() -> str:
    """Return the block of the manual that is marked as a walk, with its waits."""
    (block,) = [b for b in manual.blocks(manual.page("installing")) if b.above == "<!-- walk -->"]
    lines = []
    for line in block.text.splitlines():
        lines.append(line)
        lines += [wait for start, wait in AFTER.items() if line.startswith(start)]
    port = free_port()
    text = "\n".join(lines).replace("8097", str(port))
    return text.replace("cbmaintd simulate", f"cbmaintd simulate --port {port}")


def test_the_walk_of_the_manual_pauses_and_resumes(tmp_path: Path) -> None:
    """Each command succeeds; what is open is paused, and then resumed."""
    tmp_path.chmod(0o700)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    command = bin_ / "cbmaintd"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m daemon "$@"\n')
    command.chmod(0o755)
    folder = tmp_path / "walk"
    folder.mkdir(mode=0o700)

    walked = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"umask 022\n{script()}\nwait || true"],  # noqa: S607  # as people call it
        cwd=folder,
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(manual.ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert re.search(r"^4 paused: ", walked.stdout, re.MULTILINE)
    assert "4 of 4 paused" in walked.stdout
    assert "4 resumed" in walked.stdout
