"""What a command writes to a terminal, and to a pipe."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

import pytest

from daemon.cli.output import laid_out, warn

LINE = (
    "nightly will not open Mon 2026-11-30 23:30 CET, for 2 h; to take that back: cbmaintd unskip"
    " nightly --opening 2026-11-30T23:30+01:00"
)


def test_a_line_is_broken_between_words() -> None:
    """No word is torn apart at the edge of a terminal, and what follows is indented."""
    found = laid_out("  dr: refused: Connection refused (http://127.0.0.1:8091). Is it?", 50)

    assert found.splitlines() == [
        "  dr: refused: Connection refused",
        "    (http://127.0.0.1:8091). Is it?",
    ]


def test_a_command_to_copy_stays_whole() -> None:
    """What is to be typed next is on one line, also where it is longer than that."""
    wide, narrow = laid_out(LINE, 80).splitlines(), laid_out(LINE, 40).splitlines()

    command = "cbmaintd unskip nightly --opening 2026-11-30T23:30+01:00"
    assert [line.strip() for line in wide] == [LINE.partition(": cbm")[0] + ":", command]
    assert narrow[-1].strip() == command


@pytest.mark.parametrize("width", [None, len(LINE)])
def test_a_line_that_fits_stays_as_it_is(width: int | None) -> None:
    """In a pipe, and where there is room, a line is one line."""
    assert laid_out(LINE, width) == LINE


def test_a_terminal_says_how_wide_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width is that of the terminal behind the stream, not of any other."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours, "rb", buffering=0) as shown:
        monkeypatch.setattr("sys.stderr", terminal)
        warn("cbmaintd: outage is not open now (open now: none)")
        terminal.flush()
        found = shown.read(200).decode().splitlines()

    assert found == ["cbmaintd: outage is not open now (open", "  now: none)"]
