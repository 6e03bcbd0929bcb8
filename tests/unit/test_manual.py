"""The README and the manual: each page can be found, and leads where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from daemon.cli import parser
from daemon.cli.manual.pages import TOPICS
from daemon.config.rules import RuleKeys
from daemon.config.sections import (
    ClusterSection,
    FileSection,
    RetrySection,
    TimeoutSection,
    TlsSection,
    WindowSection,
)
from daemon.core import progress
from daemon.core.attempt import CallError, PassError
from daemon.core.decide import Reason
from daemon.ledger.ledger import LossReason
from daemon.notify.messages import Undelivered
from tests import manual

ALL = [manual.README, *manual.PAGES]


def test_every_page_is_a_topic() -> None:
    """What can be asked for is what there is."""
    assert sorted(TOPICS) == [path.stem for path in manual.PAGES]


@pytest.mark.parametrize("path", manual.PAGES, ids=lambda path: path.stem)
def test_a_page_answers_one_question(path: Path) -> None:
    """A page has one title, which is a question, and says something."""
    title, _, body = path.read_text().partition("\n")

    assert re.fullmatch(r"# .{8,70}\?", title)
    assert re.findall(r"^# ", manual.prose(body), re.MULTILINE) == []
    assert body.strip()


def test_the_readme_lists_the_manual() -> None:
    """It has a link to each page."""
    listed = re.findall(r"- \*\*\w+:\*\* (.*)", manual.README.read_text())

    linked = [link for line in listed for link in line.split(", ")]
    assert sorted(linked) == sorted(f"[{topic}](daemon/manual/{topic}.md)" for topic in TOPICS)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    """A link to another page, or to a place in one, finds it."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", manual.prose(path.read_text())):
        name, _, place = link.partition("#")
        target = path.parent / name if name else path
        if "://" not in link and (
            not target.exists() or (place and place not in manual.anchors(target.read_text()))
        ):
            lost.append(link)

    assert lost == []


def shown_commands() -> dict[str, set[str]]:
    """Return the commands that the manual's tables show, each with the words of its usage."""
    found: dict[str, set[str]] = {}
    for row in manual.rows("commands", "command"):
        for usage in manual.code(row[0]):
            name, *words = re.findall(r"--[\w-]+|[\w-]+", usage)
            found.setdefault(name, set()).update(word for word in words if word.startswith("--"))
    return found


def test_the_manual_has_every_command() -> None:
    """The tables of commands show each command with each of its options, and no other."""
    everything, verbs = parser.build()
    shared = {*everything.options()}
    taken = {
        name: {option for option in verb.options() if option not in shared}
        for name, verb in verbs.items()
    }

    assert shown_commands() == taken


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("top level", {*FileSection.model_fields}),
        ("cluster", {*ClusterSection.model_fields}),
        ("key", {*WindowSection.model_fields} - {*RuleKeys.model_fields}),
    ],
)
def test_the_manual_has_every_key(title: str, keys: set[str]) -> None:
    """The tables of keys have each key of the file, and no other."""
    listed = [key for row in manual.table("configuration", title) for key in manual.code(row[0])]

    assert sorted(listed) == sorted(keys)


@pytest.mark.parametrize(
    ("key", "section"), [("tls", TlsSection), ("timeout", TimeoutSection), ("retry", RetrySection)]
)
def test_the_manual_has_every_inner_key(key: str, section: type[BaseModel]) -> None:
    """The row of a mapping within a cluster names each of its keys."""
    (row,) = [row for row in manual.table("configuration", "cluster") if row[0] == f"`{key}`"]

    assert set(manual.code(row[1])) == {*section.model_fields}


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("`error`", [*CallError, *PassError, *Undelivered]),
        ("`reason`", [*Reason, *LossReason]),
    ],
)
def test_every_word_of_trouble_is_explained(title: str, words: list[str]) -> None:
    """Each `error` and each `reason` has its row, with what it means and what to do."""
    rows = manual.table("troubleshooting", title, "what it means", "what to do")

    assert [row[0] for row in rows] == [f"`{word}`" for word in words]
    assert [row[0] for row in rows if not (row[1] and row[2])] == []


def test_every_cause_of_waiting_is_explained() -> None:
    """What `status` says of a repository that is pending has its row."""
    rows = manual.table("troubleshooting", "you read")

    read = {row[0].strip("`") for row in rows}
    assert {progress.NO_DAEMON, progress.NOT_LOOKED, progress.MISSING, progress.UNSEEN} <= read
    assert {*progress.WHY_LEFT.values()} <= read


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_file_is_there(path: Path) -> None:
    """A file of the repository that a page names is in it."""
    named = re.findall(
        r"`((?:tests|systemd|core|service|log|monitoring|notify|cli|windows|config)/[\w./@-]+)`",
        path.read_text(),
    )
    places = [(manual.ROOT / name, manual.ROOT / "daemon" / name) for name in named]

    assert [str(both[0]) for both in places if not any(place.exists() for place in both)] == []
