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
    ("errors", "cluster", "repository", "wallclock", "expressions", "dates"),
    ("recurrence", "pacing", "membership"),
    ("windows",),
    ("record", "timeline"),
    ("reconcile", "overrides", "impact"),
    (
        "wording",
        "spellings",
        "deadlines",
        "discovery",
        "log_writer",
        "alarms",
        "daemon_state",
        "clock_guard",
        "courtesy",
        "group_commit",
        "turnstile",
    ),
    ("service_manager", "flags", "regular_files", "calendar_files", "tls"),
    ("addresses", "durations", "clock", "ledger_lock", "logs", "secrets", "transport", "tree"),
    ("attachments", "public_holidays", "apprise_library", "notices", "ledger_dials"),
    ("watch", "messages", "runs"),
    ("answers", "document", "instants", "notation", "ledger_file", "ledger_rows", "presentation"),
    ("access", "failover", "fields", "ledger", "delivery"),
    ("schema", "backup_service", "ledger_sqlite", "ledger_postgresql", "ledger_copy"),
    ("findings", "json_schema", "holdings", "dispatch", "journal", "ledgers", "claims"),
    ("cluster_checks", "window_checks", "exclusion_checks", "announcer", "backups", "hearsay"),
    ("leases", "claimed_store"),
    ("notify_checks", "couriers", "shared_log", "crew"),
    ("controller", "metrics", "endpoint", "notifier", "troubles", "waiting"),
    ("config", "worker", "rescue"),
    ("places", "reader", "fleet", "former", "monitor", "start", "inquiry", "certificates"),
    ("shared_fleet",),
    ("scheduler", "agenda", "cost", "comparison", "advice", "strip"),
    ("simulator", "simulator.credentials", "simulator.plans", "simulator.faults"),
    ("simulator.management",),
    ("simulator.model",),
    ("simulator.routes",),
    ("simulator.server",),
    ("simulator.standalone",),
    ("commands", "commands.examples"),
    ("commands.arguments",),
    ("completion", "manual"),
    ("commands.*",),
    ("cli",),
    ("__main__",),
)

# The rows without I/O, clock and log: all up to and including this module's.
CORE_ENDS_WITH = "reconcile"
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
    "apprise": ("apprise_library",),
    "apscheduler": ("alarms",),
    "requests": ("transport",),
    "sqlalchemy": (
        *("ledger", "ledger_rows", "ledger_file", "ledger_sqlite"),
        *("ledger_postgresql", "ledger_copy", "claims", "claimed_store"),
    ),
    "prometheus_client": ("metrics",),
    "structlog": ("logs",),
    "urllib3": ("transport",),
    "yaml": ("document",),
}


def layer_of(module: str) -> int | None:
    """Give the row of a module (`commands.check`), None if the table does not have it."""
    for row, patterns in enumerate(LAYERS):
        if any(fnmatchcase(module, pattern) for pattern in patterns):
            return row
    return None


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[str]:
    """Give every dotted name that the source imports, wherever in it; relative ones resolved."""
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
    """Give which of our modules a dotted name means: the longest that it starts with."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    candidates = (".".join(parts[1:end]) for end in range(len(parts), 1, -1))
    return next((module for module in candidates if module in modules), None)


def layer_faults(module: str, source: str, modules: frozenset[str], **kind: bool) -> list[str]:
    """Give what is wrong with the imports of one module among ours."""
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
    """Give where a module of the core touches the world; names for types alone do not."""
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
    """Give which dependencies a module imports past the one that is their door."""
    used = {name.split(".")[0] for name in imports(module, source)}
    return [
        f"{module} imports {name}, which enters through {' and '.join(DOORS[name])}"
        for name in sorted(used & DOORS.keys())
        if module not in DOORS[name]
    ]


def sources() -> dict[str, Path]:
    """Give every module of the package but its root, which holds the version alone."""
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
