"""`cbmaintd manual`: the pages of the manual, and what `man` reads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon.cli import output
from daemon.cli.manual import man_page, pages


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print a page, or which there are. Raises UsageError and HostError."""
    if args.topic is None:
        for topic in pages.TOPICS:
            output.say(f"{topic:<18}{pages.title(topic)}")
        for name, meaning in pages.MAN_PAGES.items():
            output.say(f"{name:<18}{meaning}")
    elif args.topic in pages.MAN_PAGES:
        output.write(man_page.page())
    else:
        output.write(pages.text(args.topic))
    return 0
