"""What is installed: the lock, and what pyproject.toml and the code ask for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
RUN = ROOT / "requirements.lock"
TESTS = ROOT / "tests" / "requirements.lock"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
FOR_TESTS = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["test"]]
TO_BUILD = [Requirement(text) for text in PROJECT["build-system"]["requires"]]


def pins(lock: Path) -> dict[str, Version]:
    """Return what a lock names, and in which version."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


PINNED = pins(RUN)
PINNED_FOR_TESTS = pins(TESTS)


def test_the_lock_satisfies_the_program() -> None:
    """Whatever pyproject.toml needs to build and to run, extras included, is pinned in bounds."""
    needed = [*all_declared(), *TO_BUILD]

    assert [
        each for each in needed if PINNED[canonicalize_name(each.name)] not in each.specifier
    ] == []


def test_the_locks_satisfy_the_tests() -> None:
    """Whatever the tests need is pinned in one of the two locks, within its bounds."""
    both = PINNED | PINNED_FOR_TESTS

    assert [
        each for each in FOR_TESTS if both[canonicalize_name(each.name)] not in each.specifier
    ] == []


def test_the_lock_is_for_running_alone() -> None:
    """It pins what the program, its extras and its build need, and nothing of the tests."""
    assert PINNED.keys() == closure([*all_declared(), *TO_BUILD])


def test_the_tests_lock_comes_on_top() -> None:
    """It repeats no pin of the other: together they are all that the tests need."""
    assert not PINNED.keys() & PINNED_FOR_TESTS.keys()
    assert closure(FOR_TESTS) <= PINNED.keys() | PINNED_FOR_TESTS.keys()


@pytest.mark.parametrize("lock", [RUN, TESTS], ids=lambda lock: lock.parent.name)
def test_every_pin_has_hashes(lock: Path) -> None:
    """Each line of a lock names one exact version and at least one sha256."""
    logical = re.sub(r"\\\n", " ", re.sub(r"^ *#.*\n", "", lock.read_text(), flags=re.MULTILINE))
    lines = [line for line in logical.splitlines() if line.strip()]

    assert len(lines) == len(pins(lock))
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in lines)


@pytest.mark.parametrize("lock", [RUN, TESTS], ids=lambda lock: lock.parent.name)
def test_a_lock_names_no_host(lock: Path) -> None:
    """A lock leaves to pip where packages come from: no address, no index option, no path."""
    text = lock.read_text()

    assert "://" not in text
    assert not re.search(r"--(extra-)?index|--find-links|--trusted-host| @ |file:|/home|/tmp", text)


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
    assert "python-daemon" not in PINNED | PINNED_FOR_TESTS


def all_declared() -> list[Requirement]:
    """Return the dependencies of the program, those of its extras included, without the tests'."""
    extras = PROJECT["project"]["optional-dependencies"]
    optional = [text for extra, texts in extras.items() if extra != "test" for text in texts]
    return [*DECLARED, *map(Requirement, optional)]


def closure(needed: list[Requirement]) -> set[str]:
    """Return the names of all that these need on this machine, as installed here says."""
    found: set[str] = set()
    asked: set[tuple[str, str]] = set()
    while needed:
        each = needed.pop()
        name = canonicalize_name(each.name)
        found.add(name)
        for extra in {"", *each.extras}:
            if (name, extra) not in asked:
                asked.add((name, extra))
                further = map(Requirement, requires(name) or [])
                needed += [
                    r for r in further if not r.marker or r.marker.evaluate({"extra": extra})
                ]
    return found


def imported(source: str) -> list[str]:
    """Return the absolute names that a source imports."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return found
