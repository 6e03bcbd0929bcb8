"""What is installed: the lock, and what pyproject.toml and the code ask for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
NEEDED = [
    *DECLARED,
    *map(Requirement, PROJECT["project"]["optional-dependencies"]["test"]),
    *map(Requirement, PROJECT["build-system"]["requires"]),
]
PINNED = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, re.MULTILINE)
}


@pytest.mark.parametrize("needed", NEEDED, ids=str)
def test_the_lock_satisfies_the_project(needed: Requirement) -> None:
    """Whatever pyproject.toml needs to run, to test and to build is pinned within its bounds."""
    assert PINNED[canonicalize_name(needed.name)] in needed.specifier


def test_every_pin_has_hashes() -> None:
    """Each line of the lock names one exact version and at least one sha256."""
    logical = re.sub(r"\\\n", " ", re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE))
    pins = [line for line in logical.splitlines() if line.strip()]

    assert len(pins) == len(PINNED)
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", pin) for pin in pins)


def test_the_lock_names_no_host() -> None:
    """The lock leaves to pip where packages come from: no address, no index option, no path."""
    assert "://" not in LOCK
    assert not re.search(r"--(extra-)?index|--find-links|--trusted-host| @ |file:|/home|/tmp", LOCK)


def test_what_is_imported_is_declared() -> None:
    """Every package that daemon/ imports is a dependency of its own, not a guest of another's."""
    owners = packages_distributions()
    names = {
        name.split(".")[0]
        for path in (ROOT / "daemon").rglob("*.py")
        for name in imported(path.read_text())
    }
    foreign = names - sys.stdlib_module_names - {"daemon"}
    declared = {canonicalize_name(requirement.name) for requirement in all_declared()}

    undeclared = {
        name
        for name in foreign
        if not declared & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }

    assert not undeclared


def test_no_package_of_our_name_is_invited() -> None:
    """python-daemon, which also installs a package `daemon`, is not in the environment."""
    assert "python-daemon" not in PINNED


def all_declared() -> list[Requirement]:
    """Return the dependencies of the program, those of its extras included, without the tests'."""
    extras = PROJECT["project"]["optional-dependencies"]
    optional = [text for extra, texts in extras.items() if extra != "test" for text in texts]
    return [*DECLARED, *map(Requirement, optional)]


def imported(source: str) -> list[str]:
    """Return the absolute names that a source imports."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return found
