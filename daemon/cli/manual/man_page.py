"""The man page, made from what the command line declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import dedent

from daemon import __version__
from daemon.cli import parser as arguments

_AROUND = r"""
.SH FILES
.TP
.I ./schedules.yaml, /etc/cbmaintd/schedules.yaml
the windows, clusters and everything else; \fBcbmaintd schema\fR describes every key
.TP
.I /var/lib/cbmaintd/ledger.db
the ledger of the service: what it holds, what was done, what people decided
.TP
.I /etc/cbmaintd/secrets/
passwords and keys, handed to the service as systemd credentials
.SH ENVIRONMENT
.TP
.B CBMAINTD_CONFIG, CBMAINTD_LEDGER
stand for \fB--config\fR and \fB--ledger\fR
.TP
.B STATE_DIRECTORY, XDG_STATE_HOME
where the ledger is if nothing else says so
.TP
.B CREDENTIALS_DIRECTORY
where relative names of secrets are looked for before the folder of the file
.TP
.B NO_COLOR, COLUMNS, PAGER
how a terminal is written to
.TP
.B CBMAINTD_DEBUG
shows the traceback of a bug
.SH SIGNALS
.TP
.B SIGTERM, SIGINT
no new call starts, those in flight get ten seconds, what is held stays for the next start
.TP
.B SIGHUP
the file is read again at once; an invalid one changes nothing
.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
it could not be done; stderr says why in one line
.TP
.B 2
bad usage, or an invalid file
.TP
.B 130
interrupted
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR crontab (5)
"""


def page() -> str:
    """Return the man page in roff with the macros of man(7)."""
    parser, verbs = arguments.build()
    lines = [
        f'.TH CBMAINTD 1 "" "cbmaintd {__version__}" "User Commands"',
        ".SH NAME",
        r"cbmaintd \- pause Couchbase backups while maintenance windows are open",
        ".SH SYNOPSIS",
        ".B cbmaintd",
        r"[\fIOPTION\fR]... \fICOMMAND\fR [\fIARGUMENT\fR]...",
        ".SH DESCRIPTION",
        *_text(parser.description),
        *_examples(parser.epilog),
        ".SH OPTIONS",
        "They stand before or after the command.",
        *_explained(parser.explained()),
        ".SH COMMANDS",
    ]
    shared = {names for names, _ in parser.explained()}
    for name, verb in verbs.items():
        own = [(names, text) for names, text in verb.explained() if names not in shared]
        lines += [
            f".SS {_escaped(name)}",
            *_text(verb.description),
            *_explained(own),
            *_examples(verb.epilog),
        ]
    return "\n".join(lines) + _AROUND


def _explained(options: Iterable[tuple[str, str]]) -> Iterator[str]:
    for names, text in options:
        yield from (".TP", f".B {_escaped(names)}", *(_text(text) or [r"\&"]))


def _examples(text: str | None) -> Iterator[str]:
    """Return the titled blocks of an epilog, their lines as they are."""
    for block in re.split(r"\n\n+", (text or "").strip()):
        title, _, body = block.partition("\n")
        if body:
            yield from (".PP", *_text(title.capitalize()), ".PP", ".nf", ".RS 4")
            yield from (*_text(dedent(body)), ".RE", ".fi")


def _text(text: str | None) -> list[str]:
    """Escape *text*, and lines in it that roff would take for requests."""
    lines = _escaped(text or "").splitlines()
    return [rf"\&{line}" if line.startswith((".", "'")) else line for line in lines]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")
