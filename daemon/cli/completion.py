"""What a shell is told when somebody presses Tab: commands, options, and names that there are.

Windows come from the file and from what people opened, repositories from the file and from what is
held. What cannot be read completes nothing, and says nothing: the line is somebody's, half written.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping

import argcomplete

from daemon.cli import agenda, places
from daemon.cli import parser as arguments
from daemon.config.settings import Settings
from daemon.errors import CbmaintdError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import exists, open_ledger

Names = Callable[[argparse.Namespace, Mapping[str, str]], Iterable[str]]


def answer(environ: Mapping[str, str]) -> None:
    """Answer the shell and end the process; do nothing where no shell asks."""
    parser, verbs = arguments.build()
    for (verb, dest), names in _OFFERS.items():
        for action in verbs[verb]._actions:  # noqa: SLF001  # argcomplete's own way to say it
            if action.dest == dest:
                action.completer = _quiet(names, environ)  # type: ignore[attr-defined]  # as above
    argcomplete.autocomplete(parser, always_complete_options="long")


def _quiet(names: Names, environ: Mapping[str, str]) -> Callable[..., list[str]]:
    def complete(*, parsed_args: argparse.Namespace, **_: object) -> list[str]:
        try:
            return sorted(set(names(parsed_args, environ)))
        except CbmaintdError:
            return []

    return complete


def _windows(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Name the windows of the file, and those that people opened."""
    found = agenda.read_settings(args, environ)
    yield from agenda.planned(args, environ, found).timeline.windows


def _repositories(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Name repositories that windows name outright, and those that are held."""
    found = agenda.read_settings(args, environ)
    if isinstance(found, Settings):
        for window in found.windows.values():
            for cluster, patterns in window.targets:
                yield from (f"{cluster}/{id_}" for id_ in patterns.plain)
    url = places.find_ledger(args, environ, found)
    if exists(url):
        with open_ledger(url, Access.READ) as ledger:
            yield from (str(record.key) for record in ledger.records() if record.is_hold)


def _targets(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Name those whom the file wants to be told."""
    found = agenda.read_settings(args, environ)
    if isinstance(found, Settings):
        yield from (target.name for target in found.notify)


_OFFERS: dict[tuple[str, str], Names] = {
    ("calendar", "window"): _windows,
    ("close", "name"): _windows,
    ("extend", "name"): _windows,
    ("skip", "name"): _windows,
    ("notify", "targets"): _targets,
    ("history", "repository"): _repositories,
    ("history", "window"): _windows,
    ("open", "repository"): _repositories,
    ("release", "repository"): _repositories,
    ("why", "repository"): _repositories,
}
