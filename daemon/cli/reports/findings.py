"""What `check` finds, as it goes along: for people at once, for programs as one document."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from daemon.cli import output
from daemon.errors import Fault

_MARK = "warning: "
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
            {"line": None, "column": None, **_parted(text, self.clusters, "clusters")}
            for text in self.problems
        ]
        warnings = [
            {"path": warning.path, "message": warning.message}
            if warning.path
            else _parted(warning.message, self.windows, "windows")
            for warning in self.warnings
        ]
        return {"file": self.file, "ok": ok, "faults": found, "warnings": warnings}


def _parted(text: str, names: Collection[str], section: str) -> dict[str, object]:
    """Part a text that begins with what it is about, as one of *names*, from the path to that."""
    head, separator, rest = text.partition(_SEPARATOR)
    if not separator or " " in head:
        return {"path": "", "message": text}
    return {"path": f"{section}.{head}" if head in names else head, "message": rest}
