"""The events of the log: their names, and that code and manual keep to their table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from daemon.log import events
from daemon.log.events import EVENTS, Event, Level
from tests import manual

ROOT = Path(__file__).parents[3]
LEVELS = [level.name.lower() for level in Level]
EVENTS_OF_THE_CONTRACT = """
    daemon.started daemon.stopping daemon.stopped config.applied config.rejected
    window.opened window.closed http.attempted
    repository.paused repository.resumed repository.failed repository.left repository.drifted
    repository.busy cluster.unreachable cluster.recovered clock.stepped log.dropped
"""


def test_event_names_are_noun_and_verb() -> None:
    """Events are distinct constants of the form noun.verbed, those monitors rely on among them."""
    assert set(EVENTS_OF_THE_CONTRACT.split()) <= set(EVENTS)
    assert len(set(EVENTS)) == len(EVENTS)
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+", name) for name in EVENTS)


def test_each_event_is_called_by_its_name() -> None:
    """The constant of an event is its name in capitals."""
    constants = {name: value for name, value in vars(events).items() if isinstance(value, Event)}

    assert list(constants) == [event.replace(".", "_").upper() for event in EVENTS]


def rows() -> list[tuple[list[str], list[str]]]:
    """Return the rows of the manual's table: names of events, and levels, in order."""
    cells = manual.table("log", "event", "level")
    return [(manual.code(row[0]), re.findall("|".join(LEVELS), row[1])) for row in cells]


def test_the_manual_has_every_event_once() -> None:
    """The table of events has each event, and none that does not exist."""
    assert sorted(name for names, _ in rows() for name in names) == sorted(EVENTS)


def test_the_manual_has_the_levels_of_each_event() -> None:
    """A row has the levels of its events in their order, each once."""
    known: dict[str, list[str]] = {
        event: [level.name.lower() for level in event.levels] for event in EVENTS
    }
    expected = [
        (names, list(dict.fromkeys(level for name in names for level in known[name])))
        for names, _ in rows()
    ]

    assert rows() == expected


def said() -> Iterator[tuple[Event, str, ast.Call]]:
    """Return each call by which the code says an event, with the name of its level."""
    for file in (ROOT / "daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case (
                    ast.Call(
                        func=ast.Attribute(attr=level),
                        args=[ast.Attribute(value=ast.Name(id="events"), attr=name), *_],
                    ) as call
                ) if level in LEVELS:
                    yield getattr(events, name), level, call


def spoken() -> Iterator[tuple[Event, Level]]:
    """Return events with the levels at which the code says them, where a call has both."""
    return ((event, Level[level.upper()]) for event, level, _ in said())


def test_events_are_said_at_their_levels() -> None:
    """No line of the log has a level that the table does not give its event."""
    found = list(spoken())

    assert len(found) > len(EVENTS)
    assert [each for each in found if each[1] not in each[0].levels] == []


def keys() -> Iterator[tuple[str, str]]:
    """Return each event with each key that a call names when it says it."""
    for event, _, call in said():
        for keyword in call.keywords:
            if keyword.arg not in {None, "exc_info"}:
                yield event, str(keyword.arg)


def test_the_manual_has_the_keys_of_each_event() -> None:
    """What the code says with an event stands in the row of that event."""
    rows = manual.table("log", "event", "level")
    listed = {
        name: {word for span in manual.code(row[2]) for word in span.split()}
        for row in rows
        for name in manual.code(row[0])
    }

    found = {*keys()}

    assert len(found) > len(EVENTS)
    assert sorted((event, key) for event, key in found if key not in listed[event]) == []
