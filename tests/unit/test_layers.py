"""The shape of the package, read from its syntax trees: who may import whom, and what.

A new module gets a place in `LAYERS`; nothing else in here needs to know it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "daemon"

# From the bottom up; a module imports only from rows below its own, so siblings never meet.
# The first row that matches counts, `*` stands for any name.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "cli",
        "cli.reports",
        "config",
        "config.days",
        "core",
        "fleet",
        "host",
        "ledger",
        "log",
        "monitoring",
        "notify",
        "passes",
        "runtime",
        "service",
        "windows",
    ),
    (
        "errors",
        "service.cluster",
        "core.repository",
        "windows.wallclock",
        "windows.expressions",
        "windows.dates",
    ),
    ("windows.rules", "passes.pacing", "core.shares"),
    ("windows.window",),
    ("core.record", "windows.timeline"),
    ("core.decide", "windows.overrides", "cli.reports.impact"),
    (
        "wording",
        "host.masking",
        "service.deadlines",
        "service.discovery",
        "log.writer",
        "fleet.alarms",
        "ledger.state",
        "runtime.clock_guard",
        "runtime.courtesy",
        "ledger.group_commit",
        "fleet.admission",
    ),
    ("host.systemd", "host.signals", "host.files", "config.days.calendar_files", "service.tls"),
    (
        "config.addresses",
        "durations",
        "host.clock",
        "ledger.lock",
        "log.log",
        "host.secrets",
        "service.transport",
        "config.tree",
    ),
    (
        "config.days.attachments",
        "config.days.holidays",
        "notify.apprise",
        "notify.notices",
        "ledger.suspicions",
    ),
    ("config.file_watch", "notify.messages", "notify.runs"),
    (
        "service.answers",
        "config.document",
        "cli.instants",
        "config.notation",
        "ledger.sqlite_file",
        "ledger.tables",
        "cli.reports.tables",
    ),
    ("service.access", "service.failover", "config.fields", "ledger.ledger", "notify.delivery"),
    ("config.sections", "service.client", "ledger.sqlite", "ledger.postgresql", "ledger.copy"),
    (
        "config.faults",
        "config.json_schema",
        "passes.holdings",
        "passes.dispatch",
        "passes.journal",
        "ledger.opening",
        "ledger.claims",
    ),
    (
        "config.clusters",
        "config.windows",
        "config.exclusions",
        "runtime.announcer",
        "passes.backups",
        "passes.recorders",
    ),
    ("fleet.leases", "ledger.fenced_store"),
    ("config.notify", "notify.queues", "log.tee", "fleet.member"),
    (
        "passes.controller",
        "monitoring.metrics",
        "monitoring.endpoint",
        "notify.notifier",
        "runtime.unreachable",
        "runtime.status_line",
    ),
    ("config.settings", "fleet.worker", "passes.rescue"),
    (
        "cli.places",
        "config.reader",
        "fleet.fleet",
        "config.earlier",
        "monitoring.monitor",
        "runtime.parts",
        "cli.reports.inventory",
        "runtime.certificates",
    ),
    ("fleet.shared_fleet",),
    (
        "runtime.daemon",
        "cli.agenda",
        "cli.reports.cost",
        "cli.reports.comparison",
        "cli.reports.advice",
        "cli.reports.chart",
    ),
    ("simulator", "simulator.credentials", "simulator.plans", "simulator.faults"),
    ("simulator.management",),
    ("simulator.model",),
    ("simulator.routes",),
    ("simulator.server",),
    ("simulator.standalone",),
    ("cli.commands", "cli.examples"),
    ("cli.parser",),
    ("cli.completion", "cli.manual"),
    ("cli.commands.*",),
    ("cli.main",),
    ("__main__",),
)

# The rows without I/O, clock and log: all up to and including this module's.
CORE_ENDS_WITH = "core.decide"
CORE_MAY_IMPORT = frozenset(
    {
        *("__future__", "typing", "dataclasses", "enum", "abc", "collections", "types"),
        *("functools", "itertools", "operator", "bisect", "heapq", "contextlib"),
        *("datetime", "calendar", "zoneinfo", "re", "fnmatch", "math", "hashlib"),
        *("cronsim", "dateutil"),
    }
)
CORE_MAY_NOT_CALL = frozenset({"now", "utcnow", "today", "open", "print", "input", "sleep"})

# A dependency enters through one module, so that replacing it is one file; the ledger's enters
# where its tables, its statements and what is special to SQLite and PostgreSQL are.
DOORS = {
    "apprise": ("notify.apprise",),
    "apscheduler": ("fleet.alarms",),
    "requests": ("service.transport",),
    "sqlalchemy": (
        *("ledger.ledger", "ledger.tables", "ledger.sqlite_file", "ledger.sqlite"),
        *("ledger.postgresql", "ledger.copy", "ledger.claims", "ledger.fenced_store"),
    ),
    "prometheus_client": ("monitoring.metrics",),
    "structlog": ("log.log",),
    "urllib3": ("service.transport",),
    "yaml": ("config.document",),
}


def layer_of(module: str) -> int | None:
    """Return the row of a module (`commands.check`), None if the table does not have it."""
    for row, patterns in enumerate(LAYERS):
        if any(fnmatchcase(module, pattern) for pattern in patterns):
            return row
    return None


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[str]:
    """Return every dotted name that the source imports, wherever in it; relative ones resolved."""
    here = f"{PACKAGE}.{module}".split(".")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=target, names=names, level=level):
                base = here[: len(here) - level + is_package] if level else []
                origin = ".".join([*base, *([target] if target else [])])
                yield from (f"{origin}.{alias.name}" for alias in names)
            case _:
                pass


def own_module(name: str, modules: frozenset[str]) -> str | None:
    """Return which of our modules a dotted name means: the longest that it starts with."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    candidates = (".".join(parts[1:end]) for end in range(len(parts), 1, -1))
    return next((module for module in candidates if module in modules), None)


def layer_faults(module: str, source: str, modules: frozenset[str], **kind: bool) -> list[str]:
    """Return what is wrong with the imports of one module among ours."""
    row = layer_of(module)
    if row is None:
        return [f"{module} has no place in LAYERS"]
    used = {own_module(name, modules) for name in imports(module, source, **kind)}
    return [
        f"{module} (row {row}) imports {other} (row {layer_of(other)})"
        for other in sorted(filter(None, used))
        if other != module and not _is_below(other, row)
    ]


def _is_below(module: str, row: int) -> bool:
    other = layer_of(module)
    return other is not None and other < row


def core_faults(module: str, source: str) -> list[str]:
    """Return where a module of the core touches the world; names for types alone do not."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _is_for_types(node)]
    outside = {
        name.split(".")[0] for name in imports(module, ast.unparse(tree))
    } - CORE_MAY_IMPORT - {PACKAGE}  # fmt: skip
    called = {_called(node) for node in ast.walk(tree)} & CORE_MAY_NOT_CALL
    return [f"{module} imports {name}" for name in sorted(outside)] + [
        f"{module} calls {name}()" for name in sorted(called)
    ]


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def door_faults(module: str, source: str) -> list[str]:
    """Return which dependencies a module imports past the one that is their door."""
    used = {name.split(".")[0] for name in imports(module, source)}
    return [
        f"{module} imports {name}, which enters through {' and '.join(DOORS[name])}"
        for name in sorted(used & DOORS.keys())
        if module not in DOORS[name]
    ]


def sources() -> dict[str, Path]:
    """Return every module of the package but its root, which holds the version alone."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    found.pop("")
    return found


SOURCES = sources()
MODULES = frozenset(SOURCES)
CORE = sorted(
    module
    for module in MODULES
    if (layer_of(module) or 0) <= (layer_of(CORE_ENDS_WITH) or 0) and layer_of(module) is not None
)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    """A module has a place, and imports only from layers strictly below it."""
    path = SOURCES[module]

    faults = layer_faults(module, path.read_text(), MODULES, is_package=path.name == "__init__.py")

    assert not faults


@pytest.mark.parametrize("module", CORE)
def test_the_core_touches_no_world(module: str) -> None:
    """The core imports and calls nothing that has a clock, a file, a socket or a log behind it."""
    assert not core_faults(module, SOURCES[module].read_text())


@pytest.mark.parametrize("module", sorted(MODULES))
def test_dependencies_enter_through_one_door(module: str) -> None:
    """Each large dependency is imported by its door alone."""
    assert not door_faults(module, SOURCES[module].read_text())


def test_the_root_of_the_package_imports_nothing() -> None:
    """`daemon/__init__.py` holds a docstring and the version, and re-exports nothing."""
    root = (ROOT / PACKAGE / "__init__.py").read_text()

    assert not list(imports("", root))


def test_tables_name_nothing_that_is_gone() -> None:
    """No row and no door names a module that does not exist."""
    listed = {name for row in LAYERS for name in row if "*" not in name}
    listed.update(*DOORS.values())

    assert not listed - MODULES


KNOWN = frozenset(
    {"errors", "recurrence", "windows", "logs", "metrics", "commands.a", "commands.b"}
)


@pytest.mark.parametrize(
    ("module", "source", "culprit"),
    [
        ("recurrence", "from daemon.windows import Window", "windows"),
        ("recurrence", "import daemon.windows", "windows"),
        ("recurrence", "from daemon import windows", "windows"),
        ("recurrence", "from . import windows", "windows"),
        ("recurrence", "from .windows import Window", "windows"),
        ("commands.a", "from daemon.commands.b import run", "commands.b"),
        ("commands.a", "from .b import run", "commands.b"),
        ("logs", "from daemon.metrics import counters", "metrics"),
        ("errors", "def f():\n    import daemon.logs", "logs"),
        ("errors", "if TYPE_CHECKING:\n    from daemon.logs import Log", "logs"),
        ("nowhere", "", "no place"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str, culprit: str) -> None:
    """The check sees an import upwards or sideways in every spelling, and a module unknown."""
    (fault,) = layer_faults(module, source, KNOWN)

    assert culprit in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("windows", "from daemon.recurrence import Rule\nfrom daemon import errors, __version__"),
        ("commands.a", "from ..errors import Fault\nimport daemon.logs"),
        ("errors", "from dataclasses import dataclass"),
    ],
)
def test_a_right_import_is_not_accused(module: str, source: str) -> None:
    """The check lets imports downwards, of the version and of other packages pass."""
    assert not layer_faults(module, source, KNOWN)


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import os.path",
        "from pathlib import Path",
        "import socket",
        "from time import monotonic",
        "import logging",
        "import requests",
        "import structlog",
        "from io import StringIO",
        "def f():\n    import threading",
        "moment = datetime.now(tz)",
        "day = date.today()",
        "text = open('x').read()",
        "print('x')",
    ],
)
def test_a_core_that_touches_the_world_is_found(source: str) -> None:
    """The check sees imports and calls that would bring the world into the core."""
    assert core_faults("windows", source)


def test_a_type_from_the_world_is_not_accused() -> None:
    """A name imported for type checkers alone touches nothing."""
    assert not core_faults("cluster", "if TYPE_CHECKING:\n    from pathlib import Path")


def test_a_second_door_is_found() -> None:
    """The check sees a dependency that is imported past its door, submodules included."""
    assert door_faults("controller", "from requests.adapters import HTTPAdapter")
    assert not door_faults("transport", "import requests")
