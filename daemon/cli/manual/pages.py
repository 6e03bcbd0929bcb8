"""The pages of the manual, as they came with the program: Markdown in `daemon/manual/`.

Only the standard library is imported here: completion asks for the topics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from itertools import takewhile
from types import MappingProxyType

from daemon.cli.manual.markdown import Block, Heading, parse
from daemon.errors import HostError, UsageError
from daemon.wording import nearest_or_all, shown

LOWEST = 6

TOPICS = (
    *("installing", "configuration", "windows", "commands", "log", "metrics", "page", "notify"),
    *("members", "security", "container", "troubleshooting", "questions", "upgrading"),
    *("promises", "performance", "building", "changes"),
)
"""The pages, in the order in which somebody may need them; each is a file of that name."""

MAN_PAGES: Mapping[str, str] = MappingProxyType(
    {
        "cbmaintd.1": "The commands, for man -l -",
        "schedules.yaml.5": "The file, for man -l -",
    }
)
"""What is made for `man`, with what it is."""


def text(topic: str) -> str:
    """Return a page as Markdown.

    Raises:
        UsageError: there is no such page.
        HostError: it is not part of this installation.

    """
    if topic not in TOPICS:
        known = nearest_or_all(topic, [*TOPICS, *MAN_PAGES])
        raise UsageError(f"the manual has no page {shown(topic)}{known}; see cbmaintd manual")
    place = files("daemon") / "manual" / f"{topic}.md"
    try:
        return place.read_text(encoding="utf-8")
    except OSError as exc:
        raise HostError(
            f"{place}: is missing from this installation; install cbmaintd again"
        ) from exc


def title(topic: str) -> str:
    """Return the question that a page answers. Raises as `text` does."""
    return text(topic).partition("\n")[0].removeprefix("# ")


def introduction(topic: str) -> list[Block]:
    """Return what a page says before its first section. Raises as `text` does."""
    _, *blocks = parse(text(topic))
    return list(_until(LOWEST, blocks))


def section(topic: str, heading: str) -> list[Block]:
    """Return what stands below a heading of a page, up to the next one that is no lower.

    Raises as `text` does, and LookupError where there is no such heading.
    """
    blocks = parse(text(topic))
    for block in blocks:
        if isinstance(block, Heading) and block.plain == heading:
            return list(_until(block.level, blocks))
    raise LookupError(f"{topic} has no section {heading}")


def _until(level: int, blocks: Iterable[Block]) -> Iterator[Block]:
    return takewhile(lambda b: not (isinstance(b, Heading) and b.level <= level), blocks)
