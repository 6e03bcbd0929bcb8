"""Every output that README and manual show is real, and every command in them can be given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.cli import parser
from tests import log_samples, manual, outputs
from tests.evil.wallshim import WallClock

ALL = [manual.README, *manual.PAGES]
WITH_OUTPUT = [path for path in ALL if [*outputs.sessions(path.read_text())]]
MARKS = r"<!-- (?:(?:command|needs): .+|walk) -->"
"""What says of a block of commands which test runs it, or that it needs what no test has."""

_COMMAND = re.compile(r"(?:[A-Z_]+=\S* )*(?:podman exec cbmaintd )?(?:\S*/)?cbmaintd (.*)")

PLACEHOLDERS = {
    "COMMAND": "status",
    "TOPIC": "windows",
    "NAME": "sunday-patching",
    "CLUSTER/REPOSITORY": "prod/orders",
    "C/R": "prod/orders",
    "D": "2h",
    "T": "2026-12-06T03:00",
}
"""What stands in a command for what the reader puts there, each with something that fits."""


@pytest.fixture
def stage(tmp_path: Path) -> outputs.Stage:
    """Return where commands are run, or skip where their clock cannot be built."""
    (tmp_path / "clock").mkdir()
    clock = WallClock(tmp_path / "clock")
    if not clock.is_available:
        pytest.skip("no C compiler to build the shim of the clock with")
    return outputs.Stage(tmp_path, clock)


@pytest.mark.parametrize("path", WITH_OUTPUT, ids=lambda path: path.stem)
def test_outputs_are_real(path: Path, stage: outputs.Stage) -> None:
    """What a page shows is what its commands print; `python -m tests.outputs` writes it anew."""
    blocks = [*outputs.sessions(path.read_text())]

    assert [shown for _, shown in blocks] == outputs.played(stage, blocks)


def test_the_log_is_real() -> None:
    """The manual shows the log as it is written, for people and for programs."""
    shown = dict(outputs.samples(manual.page("log")))

    assert shown == {form: sample() for form, sample in log_samples.SAMPLES.items()}


def test_the_readme_shows_a_plan_and_a_state() -> None:
    """Whoever opens the README sees what `calendar` and `status` print."""
    shown = "".join(block for _, block in outputs.sessions(manual.README.read_text()))

    assert "$ cbmaintd calendar" in shown
    assert "$ cbmaintd status" in shown


def test_the_readme_is_short() -> None:
    """It can be read in two minutes."""
    assert len(manual.README.read_text().splitlines()) <= 160


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_blocks_of_commands_say_who_runs_them(path: Path) -> None:
    """Above each block for a shell stands which test runs it, or what it needs."""
    bare = [
        block.text
        for block in manual.blocks(path.read_text())
        if block.language == "sh" and not re.fullmatch(MARKS, block.above)
    ]

    assert bare == []


def given(text: str) -> Iterator[str]:
    """Return the commands of a page: of its blocks, sessions and sentences."""
    for block in manual.blocks(text):
        if block.language in {"sh", ""}:
            for line in re.split(r"&& |\n", block.text.replace("\\\n", " ")):
                if match := _COMMAND.match(re.split(r" \| | \d?> |\s#\s", line)[0].strip(" $")):
                    yield match[1]
    for span in re.findall(r"`cbmaintd ([^`]+)`", manual.prose(text)):
        yield re.split(r" \\?\| |[<>]", span)[0]


def words(command: str) -> list[str]:
    """Return what a command is given, with something for each placeholder."""
    named = (PLACEHOLDERS.get(word, word) for word in shlex.split(command))
    return [word for word in named if word != "…"]


COMMANDS = sorted({command.strip() for path in ALL for command in given(path.read_text())})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_given(command: str) -> None:
    """No page shows a command or an option that there is not."""
    with suppress(SystemExit):  # `--help` ends by itself
        assert parser.read(words(command)) is not None


ASKING = re.compile(
    r"(calendar|check( --without-secrets)?|close|extend|history|init|manual|open|schema|skip|status"
    r"|unskip|why)\b(?!.*--(url|discover|against|impact|online|wait))"
)
"""Commands that need no cluster, no daemon, no root, and no clock that goes on."""


def test_commands_do_what_they_say(stage: outputs.Stage) -> None:
    """A command that needs no more than a file and a ledger succeeds on the README's."""
    asking = [command for command in COMMANDS if ASKING.match(command)]
    lines = [f"cbmaintd {shlex.join(words(command))}" for command in asking]

    said = stage.said("open", lines)

    assert len(lines) > 10
    assert [text for text in said if text.startswith("cbmaintd: ")] == []


def test_commands_are_found() -> None:
    """The check sees commands in blocks and in sentences."""
    assert {"demo", "manual", "check --online", "run --dry-run", "notify"} <= {*COMMANDS}
