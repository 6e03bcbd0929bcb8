"""What is known of the service and has a side in the simulator: each fact has its tests.

A test names the facts that it holds the simulator to by their numbers in its docstring. The facts
come from notes on the service whose sections are listed as well, so that none is passed over.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

HERE = Path(__file__).parent
TESTS = (
    *HERE.glob("test_*.py"),
    HERE.parent / "test_simulator.py",
    *(HERE.parents[1] / "unit" / "simulator").glob("test_*.py"),
)
FACTS: dict[str, dict[str, str]] = yaml.safe_load((HERE / "facts.yaml").read_text())
SECTIONS = frozenset(
    "1.1 1.2 1.3 2.1 2.2 2.3 2.4 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9 3.11 4.1 4.2 4.4 4.5 5 6"
    " 9.1 9.2 9.3 9.4 9.5 9.6 9.7 9.8 11.1 11.2 11.3 11.4".split()
) | {f"11 {row}" for row in (
    "8.5", "bodies", "config", "create", "info", "manager", "plans", "routes", "services", "threads",
)}  # fmt: skip
WITHOUT_A_SIDE = {
    "0": "says again what the sections say",
    "3.10": "what backs up without the service",
    "4.3": "an edition without the service",
    "7": "there is none",
    "8": "what users ask for",
    "10": "what nobody knows",
    "11 audit": "a log that no call shows",
    "11 metrics": "nobody here scrapes them",
}


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

    assert named == set(FACTS)


def test_each_section_has_a_fact() -> None:
    """Each section with a side in the simulator has a fact, and no other one has."""
    found = {
        section
        for fact in FACTS.values()
        for section in re.findall(r"11 (?:8\.5|[a-z]+)|[\d.]+", fact["sections"])
    }

    assert found == SECTIONS
    assert not SECTIONS & WITHOUT_A_SIDE.keys()
