"""What a shell offers when somebody presses Tab: commands, options and existing names.

Windows come from the file and from what people opened, repositories from the file and from what is
held. What cannot be read completes nothing and prints nothing, which would spoil the line being
typed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping

import argcomplete

from daemon.cli import parser as arguments
from daemon.cli import places, schedule
from daemon.cli.verbs.verb import Names
from daemon.config.settings import Settings
from daemon.errors import CbmaintdError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import exists, open_ledger

Read = Callable[[argparse.Namespace, Mapping[str, str]], Iterable[str]]


def answer(environ: Mapping[str, str]) -> None:
    """Answer the shell and end the process; do nothing where no shell asks."""
    parser, parsers = arguments.build()
    for name, verb in arguments.VERBS.items():
        for action in parsers[name]._actions:  # noqa: SLF001  # as argcomplete documents it
            if names := verb.completes.get(action.dest):
                completer = _quiet(_NAMES[names], environ)
                action.completer = completer  # type: ignore[attr-defined]  # as above
    argcomplete.autocomplete(parser, always_complete_options="long")


def _quiet(read: Read, environ: Mapping[str, str]) -> Callable[..., list[str]]:
    def complete(*, parsed_args: argparse.Namespace, **_: object) -> list[str]:
        try:
            # A name that is not printable is no name of ours, and the shell would print it raw.
            return sorted({name for name in read(parsed_args, environ) if name.isprintable()})
        except CbmaintdError:
            return []

    return complete


def _windows(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the windows of the file, and those that people opened."""
    found = schedule.read_settings(args, environ)
    yield from schedule.read_schedule(args, environ, found).timeline.windows


def _repositories(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the repositories that windows name in full, and those that are held."""
    found = schedule.read_settings(args, environ)
    if isinstance(found, Settings):
        for window in found.windows.values():
            for cluster, patterns in window.targets:
                yield from (f"{cluster}/{id_}" for id_ in patterns.plain)
    url = places.find_ledger(args, environ, found)
    if exists(url):
        with open_ledger(url, Access.READ) as ledger:
            yield from (str(record.key) for record in ledger.records() if record.is_hold)


def _targets(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the names of the targets under `notify`."""
    found = schedule.read_settings(args, environ)
    if isinstance(found, Settings):
        yield from (target.name for target in found.notify)


_NAMES: dict[Names, Read] = {
    Names.WINDOWS: _windows,
    Names.REPOSITORIES: _repositories,
    Names.TARGETS: _targets,
}
