"""The man pages as `man` reads them, and schedules.yaml(5) as the schema has it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from daemon.cli.manual import file_page
from daemon.cli.manual.man_pages import MAKERS, place
from daemon.cli.manual.pages import MAN_PAGES
from daemon.config.sections import FileSection, TlsSection
from tests.unit.cli.ended import ended

SAID = {
    "cbmaintd.1": ("cbmaintd status --output json | jq '.holds[] | select(.last_error)'", "130"),
    "schedules.yaml.5": ("clusters.NAME.tls.ca_file", "patch-thursday:", "-1 is the last day"),
}


def test_each_page_can_be_asked_for() -> None:
    """What `manual` lists for `man` is what is made."""
    assert [*MAKERS] == [*MAN_PAGES]


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man (Debian: man-db)")
@pytest.mark.parametrize("name", MAKERS)
def test_man_reads_it_without_a_warning(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`man` has nothing to complain about, and loses no text."""
    read = subprocess.run(
        ["man", "--warnings=w", "-E", "UTF-8", "-l", "-"],  # noqa: S607  # as people call it
        input=ended(capsys, "manual", name).out,
        capture_output=True,
        text=True,
        check=True,
        env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "MANPAGER": "cat"},
    )

    assert read.stderr == ""
    assert [text for text in SAID[name] if text not in read.stdout] == []


def test_the_file_page_has_every_key() -> None:
    """A key stands under its path, wherever it is in the file."""
    page = file_page.page()

    assert [key for key in FileSection.model_fields if f"\n.B {key}\n" not in page] == []
    inner = [f"clusters.NAME.tls.{key}" for key in TlsSection.model_fields]
    assert [path for path in inner if f"\n.B {path}\n" not in page] == []
    assert "\n.B windows.NAME.weekly.days\n" in page
    assert "\n.B notify[].slack.file\n" in page


def test_a_page_has_its_place() -> None:
    """A page lies in the folder of its section."""
    assert place("schedules.yaml.5") == "man5/schedules.yaml.5"
