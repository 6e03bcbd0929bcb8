"""`manual`: which pages there are, and each of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from daemon.cli.manual.pages import MAN_PAGES, TOPICS
from tests import manual
from tests.unit.cli.ended import ended


def test_the_pages_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each page stands on a line with the question that it answers, and what `man` reads."""
    listed = ended(capsys, "manual")

    assert (listed.code, listed.err) == (0, "")
    assert [line.split()[0] for line in listed.out.splitlines()] == [*TOPICS, *MAN_PAGES]
    assert "metrics           How do I watch it" in listed.out


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_is_shown(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe, a page is the Markdown that came with the program."""
    shown = ended(capsys, "manual", topic)

    assert (shown.code, shown.out) == (0, manual.page(topic))


def test_an_unknown_page_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused in one line, with the page that was probably meant."""
    refused = ended(capsys, "manual", "configurat\x1bion")

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith('cbmaintd: the manual has no page "configurat\\u001bion"')
    assert 'did you mean "configuration"?' in refused.err
    assert refused.err.count("\n") == 1


def test_a_closed_pipe_is_no_error() -> None:
    """Whoever has read enough, as `head`, ends the command without a word."""
    reading = subprocess.Popen(
        [sys.executable, "-m", "daemon", "manual", "questions"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=manual.ROOT,
    )
    assert reading.stdout
    assert reading.stderr
    reading.stdout.close()

    said = reading.stderr.read()
    reading.stderr.close()

    assert (reading.wait(), said) == (1, b"")
