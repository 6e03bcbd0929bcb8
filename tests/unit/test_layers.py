"""The shape of the package: who may import whom, and that the core touches no world.

The contracts of imports stand in pyproject.toml; here is what import-linter cannot see.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import manual

ROOT = Path(__file__).parents[2]
CORE = sorted(
    path.relative_to(ROOT)
    for package in ("windows", "core")
    for path in (ROOT / "daemon" / package).glob("*.py")
)
CORE_MAY_NOT_CALL = frozenset({"now", "utcnow", "today", "open", "print", "input", "sleep"})

LONGEST_PACKAGE = 15
"""How many modules a package has at most; a command each is the exception."""


def test_imports_keep_the_contracts() -> None:
    """Packages import only from floors below, in no circle, and dependencies through their door."""
    command = (
        "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())"
    )

    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def world_calls(source: str) -> list[str]:
    """Return the calls in *source* that have a clock, a file or a terminal behind them."""
    called = (_called(node) for node in ast.walk(ast.parse(source)))
    return sorted(CORE_MAY_NOT_CALL.intersection(called))


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _:
            return ""


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_asks_no_clock(path: Path) -> None:
    """The core calls nothing that has a clock, a file or a terminal behind it."""
    assert not world_calls((ROOT / path).read_text())


@pytest.mark.parametrize(
    "source",
    [
        "moment = datetime.now(tz)",
        "day = date.today()",
        "text = open('x').read()",
        "def f():\n    print('x')",
        "time.sleep(1)",
    ],
)
def test_a_core_that_touches_the_world_is_found(source: str) -> None:
    """The check sees calls that would bring the world into the core."""
    assert world_calls(source)


def packages() -> list[Path]:
    """Return the folders of the package, the root first."""
    return sorted(path.parent for path in (ROOT / "daemon").rglob("__init__.py"))


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_can_be_overlooked(package: Path) -> None:
    """A package has at most 15 modules, and its `__init__` one line that says what it is."""
    modules = [path for path in package.glob("*.py") if path.name != "__init__.py"]
    init = ast.parse((package / "__init__.py").read_text())

    assert len(modules) <= LONGEST_PACKAGE or package.name == "commands"
    if package.name != "daemon":
        assert len(init.body) == 1
        assert "\n" not in (ast.get_docstring(init) or "\n")


def test_the_manual_lists_the_packages() -> None:
    """The manual's table of packages is their docstrings, word for word, and complete."""
    rows = [(name.strip("`/"), meaning) for name, meaning in manual.table("building", "package")]
    documented = {
        path: ast.get_docstring(ast.parse((ROOT / "daemon" / path / "__init__.py").read_text()))
        for package in packages()
        if (path := package.relative_to(ROOT / "daemon").as_posix()) != "."
    }

    assert dict(rows) == documented
