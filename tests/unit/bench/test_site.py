"""Where the daemon is measured: nothing is to open before it has started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import cast

from tests.bench.site import Running, Site, everything

LINES = ("daemon.started", "config.applied", "http.attempted", "config.applied")


class Process:
    """A daemon that goes on."""

    def poll(self) -> None:
        """Say that it has not ended."""


@dataclass(frozen=True)
class Rehearsal(Site):
    """A site whose daemons have logged all at once; it keeps the files that they began with."""

    began_with: list[str] = field(default_factory=list)

    @contextmanager
    def run(self, *prefix: str) -> Iterator[Running]:
        """Run nothing, but have its log."""
        del prefix
        self.began_with.append(self.config.read_text())
        log = self.folder / "0.log"
        log.write_text("".join(f'{{"event": "{event}"}}\n' for event in LINES))
        yield Running(cast("Popen[bytes]", Process()), log)


def test_an_opening_is_written_once_the_daemon_has_started(tmp_path: Path) -> None:
    """The daemon starts with a file in which nothing opens; the opening is in the next one."""
    site = Rehearsal(tmp_path, {"c0": "http://127.0.0.1:1"})

    with site.opened(lambda: None, everything) as _:
        written = site.config.read_text()

    assert "everything" in written
    assert not any("everything" in text for text in site.began_with)
