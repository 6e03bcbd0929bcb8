"""Help: all commands in groups, every option explained, examples that exist."""

from __future__ import annotations

import re

import pytest

from daemon.cli import parser
from tests.unit.cli.ended import ended, started


@pytest.mark.parametrize("verb", parser.VERBS)
def test_every_verb_has_help(verb: str) -> None:
    """`cbmaintd VERB --help` prints on stdout and ends with 0."""
    ended = started(verb, "--help")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: cbmaintd {verb}")


def test_help_is_that_of_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    """`help` prints what `--help` does, of all commands or of one; `version` as `--version`."""
    assert ended(capsys, "help") == started("--help")
    assert ended(capsys, "help", "extend") == started("extend", "--help")
    assert ended(capsys, "version") == ended(capsys, "--version")


def test_help_has_the_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command stands once, with its summary, under what it is for."""
    found = re.finditer(
        r"^[^:\n]+:\n((?:  [a-z-]+ +[A-Z].+\n)+)", ended(capsys, "help").out, re.MULTILINE
    )
    groups = [match[1] for match in found]
    listed = [line.split()[0] for lines in groups for line in lines.splitlines()]

    assert len(groups) >= 4
    assert sorted(listed) == sorted(parser.VERBS)


MANY = 5
"""So many options are more than anybody reads as one list."""


@pytest.mark.parametrize("name", parser.VERBS)
def test_many_options_stand_in_groups(name: str) -> None:
    """A command with many options has none outside of a group that says what they are for."""
    _, verbs = parser.build()
    own = verbs[name].format_help().partition("\noptions of every command:\n")[0]

    assert len(re.findall(r"^  --", own, re.MULTILINE)) < MANY or "\noptions:\n" not in own


@pytest.mark.parametrize("name", parser.VERBS)
def test_every_option_is_explained(name: str) -> None:
    """No option or argument of a command stands in its help without a word."""
    _, verbs = parser.build()

    assert not [option for option, text in verbs[name].explained() if not text]


@pytest.mark.parametrize("verb", parser.VERBS)
def test_help_has_examples_that_exist(verb: str) -> None:
    """Each verb's help ends with examples, and the command line accepts the options in them."""
    help_text = started(verb, "--help").out
    examples = [line.split() for line in help_text.partition("examples:")[2].splitlines() if line]
    options = {word for words in examples for word in words if word.startswith("--")}

    assert examples
    assert all(words[:2] == ["cbmaintd", verb] for words in examples)
    assert all(f"  {option} " in help_text for option in options)


@pytest.mark.parametrize(
    "text", [parser.EPILOG, *(verb.examples for verb in parser.VERBS.values())]
)
def test_examples_fit_a_terminal(text: str) -> None:
    """No line below a help is longer than 79 characters."""
    assert max(map(len, text.splitlines())) <= 79


@pytest.mark.parametrize("name", parser.VERBS)
def test_help_fits_a_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of a help is longer than a terminal of 80 columns, lists in it included."""
    monkeypatch.setenv("COLUMNS", "80")
    _, verbs = parser.build()

    assert [line for line in verbs[name].format_help().splitlines() if len(line) > 80] == []
