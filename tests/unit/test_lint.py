"""The house rules that a machine can check, so that `pytest` is the one command."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for top in ("daemon", "tests") for path in (ROOT / top).rglob("*.py"))
LONGEST_MODULE = 400


def tool(*arguments: str) -> str:
    """Run a tool of this environment over the project; return its complaints, empty if none."""
    run = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr if run.returncode else ""


def test_mypy_is_content() -> None:
    """Strict mypy finds nothing in the package and in the tests."""
    assert not tool("mypy")


def test_ruff_is_content() -> None:
    """Ruff finds nothing with every rule that pyproject.toml does not refuse with a reason."""
    assert not tool("ruff", "check", ".")


def test_the_format_is_ruffs() -> None:
    """Every file is formatted as `ruff format` would."""
    assert not tool("ruff", "format", "--check", ".")


def named(path: Path) -> str:
    """Return a file's name as seen from the top of the project."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_module_has_one_idea(path: Path) -> None:
    """No module is longer than 400 lines."""
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


def silent_tests(source: str) -> list[str]:
    """Return the test functions that do not say what they show."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def imports_mock(source: str) -> bool:
    """Check whether a source imports unittest.mock, in any spelling."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module=str() as module, names=names):
                imported = [f"{module}.{alias.name}" for alias in names]
            case _:
                continue
        if any(f"{name}.".startswith(("unittest.mock.", "mock.")) for name in imported):
            return True
    return False


TESTS = [path for path in FILES if path.name.startswith("test_")]


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_every_test_states_its_behaviour(path: Path) -> None:
    """Every test function has a docstring."""
    assert not silent_tests(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_mocked(path: Path) -> None:
    """Fakes have behaviour: unittest.mock is not imported."""
    assert not imports_mock(path.read_text())


def test_a_silent_test_is_found() -> None:
    """The check sees a test without docstring, also in a class, and leaves helpers alone."""
    source = "class TestX:\n    def test_y(self): ...\n\ndef helper(): ...\n"

    assert silent_tests(source) == ["test_y"]


@pytest.mark.parametrize(
    "source",
    [
        "import unittest.mock",
        "from unittest import mock",
        "from unittest.mock import Mock",
        "import mock",
    ],
)
def test_a_mock_is_found(source: str) -> None:
    """The check sees unittest.mock in every spelling."""
    assert imports_mock(source)
