"""What `check` finds, as it goes along: for people at once, for programs as one document."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from daemon.cli import output
from daemon.errors import Fault

_SEPARATOR = ": "


@dataclass(slots=True)
class Findings:
    """What was found about *file*; unless they `are_for_programs` people read it at once.

    `windows` and `clusters` are those of the file, by which paths are known.
    """

    file: str
    are_for_programs: bool
    windows: Collection[str] = ()
    clusters: Collection[str] = ()
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Take a line of the summary, which is for people alone."""
        if not self.are_for_programs:
            output.say(line)

    def warn(self, text: str) -> None:
        """Take what works and deserves a second look."""
        self.warnings.append(text)
        if not self.are_for_programs:
            output.warn(f"warning: {text}")

    def problem(self, text: str) -> None:
        """Take what is wrong elsewhere than in the file: it has no line."""
        self.problems.append(text)
        if not self.are_for_programs:
            output.warn(f"problem: {text}")

    def document(self, *, ok: bool, faults: Sequence[Fault] = ()) -> dict[str, object]:
        """Return it as one JSON document; *ok* is what the exit code says, too."""
        found: list[dict[str, object]] = [
            {"line": f.line, "column": f.column, "path": f.path, "message": f.message}
            for f in faults
        ]
        found += [
            {"line": None, "column": None, **_parted(text, self.clusters, "clusters")}
            for text in self.problems
        ]
        warnings = [_parted(text, self.windows, "windows") for text in self.warnings]
        return {"file": self.file, "ok": ok, "faults": found, "warnings": warnings}


def _parted(text: str, names: Collection[str], section: str) -> dict[str, object]:
    """Part a text that begins with what it is about, as one of *names*, from the path to that."""
    head, separator, rest = text.partition(_SEPARATOR)
    if not separator or " " in head:
        return {"path": "", "message": text}
    return {"path": f"{section}.{head}" if head in names else head, "message": rest}
