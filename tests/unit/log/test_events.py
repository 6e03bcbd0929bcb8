"""The events of the log."""

from __future__ import annotations

import re

from daemon.log import events

EVENTS_OF_THE_CONTRACT = """
    daemon.started daemon.stopping daemon.stopped config.applied config.rejected
    window.opened window.closed http.attempted
    repository.paused repository.resumed repository.failed repository.left repository.drifted
    repository.busy cluster.unreachable cluster.recovered clock.stepped log.dropped
"""


def test_event_names_are_noun_and_verb() -> None:
    """Events are distinct constants of the form noun.verbed, those monitors rely on among them."""
    constants = [value for name, value in vars(events).items() if name.isupper()]
    names = [value for value in constants if isinstance(value, str)]

    assert set(EVENTS_OF_THE_CONTRACT.split()) <= set(names)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+", name) for name in names)
