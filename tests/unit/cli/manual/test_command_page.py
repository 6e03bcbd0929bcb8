"""cbmaintd(1) says all that the command line takes, and `man` reads it."""

from __future__ import annotations

import pytest

from daemon.cli import parser
from daemon.cli.main import main

_, PARSERS = parser.build()


@pytest.fixture
def page(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the page as it is printed."""
    assert main(["manual", "cbmaintd.1"]) == 0
    return capsys.readouterr().out


def plain(page: str) -> str:
    """Take the escapes away."""
    return page.replace(r"\-", "-").replace(r"\e", "\\").replace(r"\&", "")


@pytest.mark.parametrize("verb", parser.VERBS)
def test_every_command_has_its_section(page: str, verb: str) -> None:
    """A command stands with its options, their explanations and its examples."""
    section = plain(page).partition(f"\n.SS {verb}\n")[2].partition("\n.S")[0]

    for names, text in PARSERS[verb].explained():
        if names not in {"-c, --config PATH", "--ledger URL", "--version"}:
            assert f".B {names}\n{text}" in section
    assert all(line.strip() in section for line in parser.VERBS[verb].examples.splitlines())


@pytest.mark.parametrize(
    "title", ["NAME", "SYNOPSIS", "OPTIONS", "FILES", "ENVIRONMENT", "SIGNALS", "EXIT STATUS"]
)
def test_the_page_has_the_usual_sections(page: str, title: str) -> None:
    """What people look for in a man page is there."""
    assert f".SH {title}\n" in page
