"""How text is shown: nothing from outside controls a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wording import MOST_LISTED, enumerated, json_text, listed, printable
from tests.unit.nasty_text import EVERY, NASTY


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_printable_leaves_nothing_that_is_not_visible(nasty: str) -> None:
    """What controls, reorders, hides or breaks lines is escaped; what stands beside it stays."""
    text = printable(f"grün{nasty}rot")

    assert text.startswith("grün\\")
    assert text.endswith("rot")
    assert text.isprintable()


@pytest.mark.parametrize("text", ["Wartung 🛠 für alle", "定期保守", "\\x1b"])
def test_printable_leaves_what_is_visible(text: str) -> None:
    """Letters and signs of every language stay as they are; spaces become usual ones."""
    assert printable(text) == text
    assert printable(f"{text}\N{NO-BREAK SPACE}{text}\u3000") == f"{text} {text} "


@given(st.text(), st.text())
def test_json_is_harmless_also_when_it_is_decoded(key: str, value: str) -> None:
    """No text of a document has a control character, neither in JSON nor after it."""
    document = {key: [value, EVERY, 1, None]}

    text = json_text(document)

    assert text.isprintable()
    assert json.loads(text) == {printable(key): [printable(value), printable(EVERY), 1, None]}


def test_a_list_of_very_many_is_cut_and_counted() -> None:
    """A sentence names a few of fifteen hundred windows, and counts the rest."""
    names = [f"window-{number}" for number in range(1500)]

    for sentence in (listed(names, "and"), enumerated(names)):
        assert sentence.count("window-") == MOST_LISTED
        assert sentence.endswith(" and 1480 more")
    assert listed(names[:MOST_LISTED], "and").endswith("window-18 and window-19")
    assert enumerated([]) == ""
