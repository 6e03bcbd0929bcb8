"""Each server that `simulate --fault` makes, met by the real daemon beside a healthy one."""

from __future__ import annotations

from daemon.durations import parse_duration
from daemon.simulator.faults import ODD_SERVERS, OddServer, odd_server
from tests.process.conftest import Stage, assert_sound, once

VALUES = {"authentication": "authentication=1h", "node-leaves": "node-leaves=0s"}
SAID = {
    "authentication": ("cluster.unreachable", {"error": "server_error"}),
    "dead-leader": ("repository.failed", {"error": "unverified", "action": "pause"}),
    "empty": ("cluster.unreachable", {"error": "unexpected"}),
    "missing-field": ("repository.left", {"message": "it has no state"}),
    "mixed-versions": ("cluster.unreachable", {"error": "server_error"}),
    "node-leaves": ("cluster.unreachable", {"error": "refused"}),
    "stall": ("cluster.unreachable", {"error": "timeout"}),
    "unknown-state": ("repository.left", {"message": 'its state "quiescing" is unknown'}),
}
"""What the daemon says of each."""

RECOVERING = ("authentication", "dead-leader", "empty", "mixed-versions", "stall")
"""Those that become healthy while a window is open."""


def stand(stage: Stage) -> None:
    """Serve a healthy cluster and one of each odd kind."""
    stage.simulate("good", "orders")
    for name in ODD_SERVERS:
        odd = odd_server([VALUES.get(name, name)], parse_duration)
        simulator = stage.simulate(name, "orders", odd=odd)
        if name == "mixed-versions":
            # Where the cluster manager leads is asked of the cluster manager.
            stage.special[name] = {"url": f"{simulator.management_url}/_p/backup"}


def test_the_daemon_survives_each_odd_server(stage: Stage) -> None:
    """It says what is wrong with each, keeps the healthy one paused, and makes up for the rest."""
    stand(stage)
    times = {"timeout": "{connect: 1s, read: 1s, total: 1s}"}
    stage.write(once("night", -60, 3600, '{"*": [orders]}'), **times)
    daemon = stage.start()

    daemon.wait_for("repository.paused", cluster="good")
    for name, (event, keys) in SAID.items():
        daemon.wait_for(event, 1, cluster=name, **keys)
    for name in RECOVERING:
        stage.simulators[name]._odd = OddServer()
    # An edit asks at once, without waiting for the next attempt.
    stage.write(once("night", -60, 3599, '{"*": [orders]}'), **times)
    for name in RECOVERING:
        daemon.wait_for("repository.paused", cluster=name)
    stage.close_in(0)
    for name in ("good", *RECOVERING):
        daemon.wait_for("repository.resumed", cluster=name)

    assert daemon.stop() == 0
    assert set(SAID) == set(ODD_SERVERS)
    assert {stage.simulators[name].state("orders") for name in RECOVERING} == {"active"}
    assert_sound(daemon)
