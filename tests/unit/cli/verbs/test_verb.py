"""What a `Verb` says of a command is true of its module and of its arguments."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import pytest

from daemon.cli import parser
from daemon.cli.verbs.verb import Verb


@pytest.mark.parametrize("verb", parser.VERBS.values(), ids=parser.VERBS)
def test_a_verb_has_its_module(verb: Verb) -> None:
    """The module that runs a command exists."""
    assert find_spec(verb.path)


@pytest.mark.parametrize("verb", parser.VERBS.values(), ids=parser.VERBS)
def test_only_arguments_are_completed(verb: Verb) -> None:
    """A shell completes arguments that the command takes."""
    declared = argparse.ArgumentParser()
    verb.declare(declared)

    assert verb.completes.keys() <= {action.dest for action in declared._actions}
