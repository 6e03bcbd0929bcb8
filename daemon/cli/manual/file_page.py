"""schedules.yaml(5), made from the schema of the file, the example, and pages of the manual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daemon import __version__
from daemon.cli.manual import pages, roff
from daemon.cli.shipped import EXAMPLE, shipped
from daemon.config.json_schema import json_schema

_WINDOWS = ("Days and ends", "Clock changes", "Recurrence rules")
_SEE_ALSO = """\
.SH SEE ALSO
.BR cbmaintd (1),
.BR crontab (5);
.B cbmaintd manual configuration
and
.B cbmaintd manual windows
"""


def page() -> str:
    """Return the man page in roff with the macros of man(7)."""
    schema: dict[str, Any] = json_schema()
    lines = [
        roff.title("SCHEDULES.YAML", 5, f"cbmaintd {__version__}", "File Formats"),
        ".SH NAME",
        r"schedules.yaml \- clusters and maintenance windows of cbmaintd",
        ".SH DESCRIPTION",
        *roff.of(pages.introduction("configuration")),
        *roff.of(pages.section("configuration", "Editing it")),
        ".SH KEYS",
        "NAME stands for a name that you choose, [] for each item of a list.",
    ]
    for path, field in _keys(schema, schema["$defs"]):
        lines += roff.explained(path, roff.lines(field["description"]))
    lines.append(".SH WINDOWS")
    for heading in _WINDOWS:
        lines += [f".SS {roff.escape(heading)}", *roff.of(pages.section("windows", heading))]
    lines += [
        ".SH LIMITS",
        *roff.of(pages.section("configuration", "What a file may hold")),
        ".SH EXAMPLE",
        *roff.verbatim(roff.lines(shipped(EXAMPLE))),
    ]
    return "\n".join(lines) + "\n" + _SEE_ALSO


def _keys(
    section: Mapping[str, Any], sections: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each key of a section, and of those within it, by its path."""
    for key, field in section.get("properties", {}).items():
        path = f"{above}{key}"
        yield path, field
        for mark, name in _inner(field):
            yield from _keys(sections[name], sections, f"{path}{mark}.")


def _inner(field: Any, mark: str = "") -> Iterator[tuple[str, str]]:
    """Yield the sections that a value may be, or hold, each with how that is written."""
    match field:
        case {"$ref": str(reference)}:
            yield mark, reference.rpartition("/")[2]
        case {"anyOf": list(choices)}:
            for choice in choices:
                yield from _inner(choice, mark)
        case {"items": dict(items)}:
            yield from _inner(items, f"{mark}[]")
        case {"patternProperties": dict(values)}:
            for value in values.values():
                yield from _inner(value, f"{mark}.NAME")
        case _:
            pass  # a text, a number: no section
