"""What `check` finds, as it goes along: for people at once, for programs as one document."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Self

from daemon.cli import output
from daemon.errors import Fault

_MARK = "warning: "
_SEPARATOR = ": "


@dataclass(frozen=True, slots=True)
class Advice:
    """What works and deserves a second look; `path` is to what it is about, if that is in the file.

    The message goes on from there.
    """

    path: str
    message: str

    @classmethod
    def about(cls, window: str, message: str) -> Self:
        """Return what is to be said of a window."""
        return cls(f"windows.{window}", message)


@dataclass(slots=True)
class Findings:
    """What was found about *file*; unless they `are_for_programs` people read it at once.

    `clusters` are those of the file, by which the paths of problems are known.
    """

    file: str
    are_for_programs: bool
    clusters: Collection[str] = ()
    warnings: list[Fault] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Take a line of the summary, which is for people alone."""
        if not self.are_for_programs:
            output.say(line)

    def warn(self, warning: Fault) -> None:
        """Take what works and deserves a second look."""
        self.warnings.append(warning)
        if not self.are_for_programs:
            has_place = warning.line or warning.path
            shown = warning.render(self.file, _MARK) if has_place else f"{_MARK}{warning.text}"
            output.warn(shown)

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
            {"line": None, "column": None, **_parted(text, self.clusters)} for text in self.problems
        ]
        warnings = [{"path": each.path, "message": each.message} for each in self.warnings]
        return {"file": self.file, "ok": ok, "faults": found, "warnings": warnings}


def _parted(text: str, clusters: Collection[str]) -> dict[str, object]:
    """Part a text that begins with what it is about, as one of *clusters*, from its path."""
    head, separator, rest = text.partition(_SEPARATOR)
    if not separator or " " in head:
        return {"path": "", "message": text}
    return {"path": f"clusters.{head}" if head in clusters else head, "message": rest}
