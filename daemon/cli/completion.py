"""What a shell offers when somebody presses Tab: commands, options and existing names.

Windows come from the file and from what people opened, repositories from the file and from what the
ledger has seen. What cannot be read completes nothing and prints nothing, which would spoil the
line being typed.

Somebody is waiting, so names are read out of the file without checking it, and only what depends on
the time (which windows are open) takes its settings. They are read here and now, under limits.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import argcomplete

from daemon.cli import parser as arguments
from daemon.cli import places
from daemon.cli.manual import pages
from daemon.cli.verbs.verb import Names
from daemon.errors import CbmaintdError, UsageError
from daemon.host.files import read_beginning

if TYPE_CHECKING:
    from daemon.config.settings import Settings
    from daemon.config.tree import MappingNode
    from daemon.windows.overrides import Override
    from daemon.windows.timeline import Timeline
    from daemon.windows.window import Opening, Window

Read = Callable[[argparse.Namespace, Mapping[str, str]], Iterable[str]]

PROCESSOR_S = 5
MEMORY = 1024**3
MOST_OPENINGS = 20


def answer(environ: Mapping[str, str]) -> None:
    """Answer the shell and end the process; do nothing where no shell asks."""
    # Whatever stands in the file: nobody looks after a process behind a prompt.
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
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
        except (CbmaintdError, OSError, MemoryError):
            return []

    return complete


def _windows(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the windows of the file, and those that people opened."""
    yield from _entries(_tree(args, environ), "windows")
    now = datetime.now(UTC)
    yield from (o.window for o in _overrides(args, environ) if o.kind == "open" and o.matters(now))


def _open_windows(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the windows that are open now."""
    return (each.window for each in _timeline(args, environ).covering(datetime.now(UTC)))


def _skipped_windows(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the windows that have a cancelled opening which is not over."""
    windows, now = _timeline(args, environ).windows.values(), datetime.now(UTC)
    return (window.name for window in windows if window.cancelled_after(now))


def _openings(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the openings to come of the window that is named."""
    from daemon.windows.timeline import ahead  # noqa: PLC0415  # most completions do without

    if window := _timeline(args, environ).windows.get(args.name):
        now = datetime.now(UTC)
        yield from _named(islice((o for o in ahead(window, now) if o.start > now), MOST_OPENINGS))


def _skipped_openings(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the cancelled openings of the window that is named."""
    if window := _timeline(args, environ).windows.get(args.name):
        yield from _named(window.cancelled_after(datetime.now(UTC))[:MOST_OPENINGS])


def _named(openings: Iterable[Opening]) -> Iterator[str]:
    """Yield openings of one window as people name them: by their day, if it is their own."""
    found = list(openings)
    days = [opening.day for opening in found]
    for opening in found:
        is_alone = days.count(opening.day) == 1
        yield opening.day.isoformat() if is_alone else f"{opening.local_start:%Y-%m-%dT%H:%M:%S}"


def _repositories(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the repositories that windows name in full, and those that the ledger has seen."""
    from daemon.core.repository import is_id  # noqa: PLC0415  # most completions do without
    from daemon.ledger.lookup import names  # noqa: PLC0415

    tree = _tree(args, environ)
    clusters = _entries(tree, "clusters")
    for window in _entries(tree, "windows"):
        for key in _entries(tree, "windows", window, "repositories"):
            ids = _texts(tree, "windows", window, "repositories", key)
            for cluster in (name for name in clusters if fnmatchcase(name, key)):
                yield from (f"{cluster}/{id_}" for id_ in ids if is_id(id_))
    yield from names.repositories(_ledger(args, environ))


def _targets(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the targets under `notify`."""
    found = _settings(args, environ)
    yield from (target.name for target in found.notify)


def _commands(_args: argparse.Namespace, _environ: Mapping[str, str]) -> Iterable[str]:
    return arguments.VERBS


def _topics(_args: argparse.Namespace, _environ: Mapping[str, str]) -> Iterable[str]:
    return (*pages.TOPICS, *pages.MAN_PAGES)


def _tree(args: argparse.Namespace, environ: Mapping[str, str]) -> MappingNode | None:
    """Return the file as a tree, unchecked; None if it is none."""
    from daemon.config.document import SIZE_LIMIT, read  # noqa: PLC0415  # only where there is one
    from daemon.config.tree import MappingNode  # noqa: PLC0415

    with suppress(UsageError, OSError):
        text = read_beginning(places.find_config(args, environ), SIZE_LIMIT + 1)
        root = read(text).root
        return root if isinstance(root, MappingNode) else None
    return None


def _at(tree: MappingNode | None, steps: Iterable[str]) -> object:
    from daemon.config.tree import MappingNode  # noqa: PLC0415  # as above

    node: object = tree
    for step in steps:
        entry = node.entries.get(step) if isinstance(node, MappingNode) else None
        node = entry and entry.value
    return node


def _entries(tree: MappingNode | None, *steps: str) -> tuple[str, ...]:
    """Return the keys of the mapping that stands there."""
    from daemon.config.tree import MappingNode  # noqa: PLC0415  # as above

    node = _at(tree, steps)
    return tuple(node.entries) if isinstance(node, MappingNode) else ()


def _texts(tree: MappingNode | None, *steps: str) -> Iterator[str]:
    """Return the texts of the list that stands there, or the only one."""
    from daemon.config.tree import Scalar, SequenceNode  # noqa: PLC0415  # as above

    node = _at(tree, steps)
    items = node.items if isinstance(node, SequenceNode) else (node,)
    return (item.source for item in items if isinstance(item, Scalar))


def _ledger(args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    try:
        file: Path | None = places.find_config(args, environ)
    except UsageError:
        file = None
    return places.find_ledger(args, environ, file)


def _overrides(args: argparse.Namespace, environ: Mapping[str, str]) -> list[Override]:
    from daemon.ledger.lookup import names  # noqa: PLC0415  # most completions do without

    return names.overrides(_ledger(args, environ))


def _settings(args: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Read the settings in this process. Raises ConfigError or UsageError."""
    from daemon.config.days.attachments import Attachments  # noqa: PLC0415  # takes long
    from daemon.config.document import SIZE_LIMIT  # noqa: PLC0415
    from daemon.config.settings import parse  # noqa: PLC0415

    file = places.find_config(args, environ)
    return parse(
        read_beginning(file, SIZE_LIMIT + 1),
        str(file),
        environ=environ,
        attachments=Attachments(file.absolute().parent),
        check_secrets=False,
    )


def _timeline(args: argparse.Namespace, environ: Mapping[str, str]) -> Timeline:
    """Return what is planned, and what people decided; without a usable file only that."""
    from daemon.windows import overrides  # noqa: PLC0415  # takes long
    from daemon.windows.timeline import Timeline  # noqa: PLC0415

    decided, zone = _overrides(args, environ), ZoneInfo("UTC")
    planned: tuple[Window, ...] = ()
    with suppress(CbmaintdError, OSError):
        found = _settings(args, environ)
        planned, zone = tuple(found.windows.values()), found.timezone
    return Timeline(overrides.in_force(planned, decided, zone))


_NAMES: dict[Names, Read] = {
    Names.WINDOWS: _windows,
    Names.OPEN_WINDOWS: _open_windows,
    Names.SKIPPED_WINDOWS: _skipped_windows,
    Names.OPENINGS: _openings,
    Names.SKIPPED_OPENINGS: _skipped_openings,
    Names.REPOSITORIES: _repositories,
    Names.TARGETS: _targets,
    Names.COMMANDS: _commands,
    Names.TOPICS: _topics,
}
