"""What is known of the service and has a side in the simulator: each fact has its tests.

A test names the facts that it holds the simulator to by their numbers in its docstring. The facts
come from notes on the service whose sections are listed as well, so that none is passed over.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TESTS = (
    *HERE.glob("test_*.py"),
    HERE.parent / "test_simulator.py",
    *(HERE.parents[1] / "unit" / "simulator").glob("test_*.py"),
)
NOTES: dict[str, Any] = yaml.safe_load((HERE / "facts.yaml").read_text())


def _named() -> dict[str, set[str]]:
    """Return the facts that each test names."""
    found: dict[str, set[str]] = {}
    for file in TESTS:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = set(re.findall(r"\bS\d+\b", ast.get_docstring(node) or ""))
    return found


def test_each_fact_has_a_test() -> None:
    """No fact is without a test that names it, and no test names one that is not there."""
    named = {fact for facts in _named().values() for fact in facts}

    assert named == set(NOTES["facts"])


def test_each_section_has_a_fact() -> None:
    """Each section with a side in the simulator has a fact, and no other one has."""
    found = {
        section
        for fact in NOTES["facts"].values()
        for section in re.findall(r"11 (?:8\.5|[a-z]+)|[\d.]+", fact["sections"])
    }

    assert found == set(NOTES["sections"])
    assert not found & NOTES["without_a_side"].keys()
