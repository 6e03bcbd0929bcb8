"""A cluster that does not answer: everybody who asks is told, and nobody once it does again."""

from __future__ import annotations

import json

from tests.process.conftest import Stage, once, wait_until


def test_a_wrong_password_is_shown_until_it_is_right(stage: Stage) -> None:
    """`status` and the service manager name a cluster that refuses us, also one with no window."""
    simulator = stage.simulate("prod", "orders")
    right = stage.password
    simulator.users["admin"] = ("another", "backup_admin")
    stage.write(once("night", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("cluster.unreachable")

    wait_until(
        lambda: "prod is not responding correctly" in stage.ask("status").stdout, "the table"
    )
    (shown,) = json.loads(stage.ask("status", "--output", "json").stdout)["clusters"]
    assert stage.manager
    told = b"\n".join(stage.manager.heard)
    simulator.users["admin"] = (right, "backup_admin")
    daemon.wait_for("cluster.recovered")
    wait_until(lambda: "is not responding" not in stage.ask("status").stdout, "its end")
    daemon.stop()

    assert (shown["cluster"], shown["error"]) == ("prod", "unauthorized")
    assert b"prod UNREACHABLE (unauthorized)" in told
