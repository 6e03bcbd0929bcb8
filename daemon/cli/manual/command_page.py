"""cbmaintd(1), made from what the command line declares and from pages of the manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

from daemon import __version__
from daemon.cli import parser as arguments
from daemon.cli.manual import pages, roff

_SECTIONS = (
    ("FILES", "installing", "Files"),
    ("ENVIRONMENT", "commands", "Environment variables"),
    ("SIGNALS", "commands", "Signals"),
    ("EXIT STATUS", "commands", "Exit codes"),
)
"""Sections of the page, each with the page of the manual that has them, and where."""

_SEE_ALSO = """\
.SH SEE ALSO
.BR schedules.yaml (5),
.BR systemctl (1),
.BR journalctl (1);
.B cbmaintd manual
for the whole manual
"""


def page() -> str:
    """Return the man page in roff with the macros of man(7)."""
    parser, verbs = arguments.build()
    lines = [
        roff.title("CBMAINTD", 1, f"cbmaintd {__version__}", "User Commands"),
        ".SH NAME",
        r"cbmaintd \- pause Couchbase backups while maintenance windows are open",
        ".SH SYNOPSIS",
        ".B cbmaintd",
        r"[\fIOPTION\fR]... \fICOMMAND\fR [\fIARGUMENT\fR]...",
        ".SH DESCRIPTION",
        *roff.lines(parser.description),
        *_examples(parser.epilog),
        ".SH OPTIONS",
        "They may come before or after the command.",
        *_explained(parser.explained()),
        ".SH COMMANDS",
    ]
    shared = {names for names, _ in parser.explained()}
    for name, verb in verbs.items():
        own = [(names, text) for names, text in verb.explained() if names not in shared]
        lines += [
            f".SS {roff.escape(name)}",
            *roff.lines(verb.description),
            *_explained(own),
            *_examples(verb.epilog),
        ]
    for title, topic, heading in _SECTIONS:
        lines += [f".SH {title}", *roff.of(pages.section(topic, heading))]
    return "\n".join(lines) + "\n" + _SEE_ALSO


def _explained(options: list[tuple[str, str]]) -> Iterator[str]:
    for names, text in options:
        yield from roff.explained(names, roff.lines(text))


def _examples(text: str | None) -> Iterator[str]:
    """Yield the titled blocks of an epilog, their lines as they are."""
    for block in re.split(r"\n\n+", (text or "").strip()):
        title, _, body = block.partition("\n")
        if body:
            yield from (".PP", *roff.lines(title.capitalize()))
            yield from roff.verbatim(roff.lines(dedent(body)))
