"""The man pages, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from daemon.cli.manual import command_page, file_page

MAKERS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"cbmaintd.1": command_page.page, "schedules.yaml.5": file_page.page}
)
"""What makes each of them, in roff with the macros of man(7)."""


def place(name: str) -> str:
    """Return where `man` finds a page: the folder of its section, and its name."""
    return f"man{name.rpartition('.')[2]}/{name}"
