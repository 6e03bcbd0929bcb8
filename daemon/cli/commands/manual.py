"""`cbmaintd manual`: the pages of the manual, and what `man` reads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon.cli import output
from daemon.cli.manual import man_pages, pages


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print a page, or which there are. Raises UsageError and HostError."""
    if args.topic is None:
        for topic in pages.TOPICS:
            output.say(f"{topic:<18}{pages.title(topic)}")
        for name, meaning in pages.MAN_PAGES.items():
            output.say(f"{name:<18}{meaning}")
    elif args.topic in pages.MAN_PAGES:
        output.write(man_pages.MAKERS[args.topic]())
    elif output.is_terminal():
        _show(pages.text(args.topic))
    else:
        output.write(pages.text(args.topic))
    return 0


def _show(text: str) -> None:
    """Show a page to somebody at a terminal."""
    # rich takes long to import, and a pipe does without.
    from daemon.cli.manual import markdown, terminal  # noqa: PLC0415
    from daemon.cli.reports.tables import console, print_paged  # noqa: PLC0415

    print_paged(terminal.render(markdown.parse(text), console().width))
