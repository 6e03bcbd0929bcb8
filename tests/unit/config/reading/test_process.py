"""A file read by a process of its own: what it makes of it, and how it ends at a limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config.file_watch import Content
from daemon.config.reading.limits import Limits
from daemon.config.reading.process import FileReading
from daemon.config.reading.request import Answer, Request
from tests.unit.config.config_files import CLUSTERS, ENVIRON, REPOSITORIES, RULE, file_with, read

GOOD = file_with(RULE, REPOSITORIES)
LONG = "windows: [" + ", ".join(["[" + "a, " * 9_000 + "a]"] * 30) + "]\n"
"""It takes seconds, and is still within all bounds."""


def answer_to(text: str, folder: Path = Path("/nowhere"), limits: Limits | None = None) -> Answer:
    """Return what a process makes of a text."""
    content = Content(text.encode())
    request = Request(content, "f.yaml", folder, ENVIRON, limits=limits or Limits())
    return FileReading().read(request)


def children() -> list[str]:
    """List the processes that this one has started and that are there."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


def test_settings_come_back_as_they_are(tmp_path: Path) -> None:
    """What the process returns is what reading here would have returned, attachments included."""
    (tmp_path / "off.ics").write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    text = f"{CLUSTERS}exclusions: {{off: {{ics: off.ics}}}}\nwindows: {{}}\n"

    answer = answer_to(text, tmp_path)

    assert answer.settings == read(text, tmp_path)
    assert answer.attached.keys() == {"off.ics"}
    assert not answer.faults


def test_faults_come_back_with_their_places() -> None:
    """Of a file with faults the faults come back, and how many are not shown."""
    wrong = "".join(f"    key{number}: 1\n" for number in range(25))

    answer = answer_to(GOOD + wrong)

    assert answer.settings is None
    assert (len(answer.faults), answer.more) == (20, 5)
    assert answer.faults[0].line == 11


def test_what_only_secrets_are_missing_for_is_told(tmp_path: Path) -> None:
    """Where everything is well but for a secret, its file is named, so that it can be watched."""
    lacking = GOOD.replace("password_env: PW", "password_file: pw")
    headers = "headers: {Authorization: {file: token}}"
    target = f"notify:\n  - {{webhook: {{file: url}}, {headers}}}\n"

    of_header = answer_to(GOOD + target, tmp_path)
    of_secrets, of_more = answer_to(lacking, tmp_path), answer_to(lacking + "    x: 1\n", tmp_path)

    assert of_secrets.secrets == (tmp_path / "pw",)
    assert of_header.secrets == (tmp_path / "token", tmp_path / "url")
    assert of_more.secrets is None


@pytest.mark.parametrize(
    ("limits", "expected", "may_pass"),
    [
        (Limits(processor_s=1), "reading it takes more than 1 s of processor time", False),
        # Near its end, memory is had slowly: either limit may be the first.
        (Limits(memory=1024 * 1024, processor_s=2), "reading it takes more ", False),
        (Limits(wall_s=0), "reading it took longer than 0 s", True),
    ],
)
def test_what_takes_too_much_is_a_fault(limits: Limits, expected: str, may_pass: bool) -> None:
    """A limit ends the process and not us; what is left of it is a fault, of the file or not."""
    before = children()

    answer = answer_to(LONG, limits=limits)

    assert answer.settings is None
    assert [fault.line for fault in answer.faults] == [1]
    assert expected in answer.faults[0].message
    assert answer.may_pass == may_pass
    assert children() == before


def test_nothing_is_read_after_a_stop() -> None:
    """Once stopped, a process that is begun is killed."""
    reading = FileReading()
    reading.stop()

    answer = reading.read(Request(Content(LONG.encode()), "f.yaml", Path("/nowhere"), ENVIRON))

    assert answer.settings is None
    assert "ended without an answer (SIGKILL)" in answer.faults[0].message


SINGLE = """
import json, os, sys, threading
from pathlib import Path
from daemon.config.file_watch import Content
from daemon.config.reading.limits import Limits
from daemon.config.reading.process import FileReading
from daemon.config.reading.request import Request
assert threading.active_count() == 1
def messages(text, limits):
    request = Request(Content(text.encode()), "f", Path("/nowhere"), {"PW": "x"}, limits=limits)
    return [fault.message for fault in FileReading().read(request).faults]
good, long = json.load(sys.stdin)
few = (Limits(processor_s=1), Limits(memory=2**20, processor_s=2), Limits(wall_s=0))
print(json.dumps([messages(good, Limits()), *(messages(long, each) for each in few)]))
"""


def test_a_start_forks() -> None:
    """Without a second thread it is a fork, which is limited in the same way."""
    done = subprocess.run(
        [sys.executable, "-c", SINGLE],
        input=json.dumps([GOOD, LONG]),
        capture_output=True,
        text=True,
        check=True,
    )
    good, processor, memory, wall = json.loads(done.stdout)

    assert good == []
    assert "more than 1 s of processor time" in processor[0]
    assert "reading it takes more" in memory[0]
    assert "longer than 0 s" in wall[0]
