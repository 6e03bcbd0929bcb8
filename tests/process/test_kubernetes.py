"""The real daemon on the volumes that Kubernetes gives it."""

from __future__ import annotations

import os

from tests.process.conftest import Running, Stage, once
from tests.process.kubelet import Volume

SECRET_MODE = 0o440 if os.geteuid() == 0 else 0o400
"""Only of what root owns may a group read; elsewhere a test cannot make such a file."""


def file_of(stage: Stage, windows: str) -> str:
    """Write a file with these windows for all simulators of *stage*."""
    return f"resync: 1s\n{stage.clusters()}windows:\n{windows}"


def publish(stage: Stage, secrets: Volume) -> None:
    """Put the password of *stage* into the Secret."""
    secrets.publish({"admin.password": f"{stage.password}\n"})
    stage.secret_files |= secrets.files | {secrets.folder / "admin.password"}


def assert_quiet(daemon: Running) -> None:
    """Check that no swap was seen half done."""
    assert not daemon.events("config.rejected")
    assert not daemon.events("pass.crashed")


def test_swapped_volumes(stage: Stage) -> None:
    """A swap of the ConfigMap is an edit, and one of the Secret a rotation; neither is seen torn.

    That holds for the second swap as for the first: the folder before is gone by then.
    """
    config = Volume(stage.folder / "config")
    secrets = Volume(stage.folder / "secrets", mode=SECRET_MODE)
    prod = stage.simulate("prod", "orders")
    stage.special["prod"] = {"password_file": str(secrets.folder / "admin.password")}
    publish(stage, secrets)
    config.publish({"schedules.yaml": file_of(stage, once("first", -60, 600))})
    daemon = stage.start("--config", str(config.folder / "schedules.yaml"))
    daemon.wait_for("repository.paused")

    for name in ("second", "third"):
        config.publish({"schedules.yaml": file_of(stage, once(name, -60, 600))})
        daemon.wait_for("config.applied", added=[f"windows.{name}"])
        publish(stage, secrets)
    prod.users["admin"] = (stage.rotate(), "backup_admin")
    daemon.wait_for("cluster.unreachable", error="unauthorized")
    publish(stage, secrets)
    daemon.wait_for("cluster.recovered")
    config.publish({"schedules.yaml": file_of(stage, once("third", -60, -5))})
    daemon.wait_for("repository.resumed")
    daemon.stop()

    sent = [seen.path for seen in prod.requests if seen.method == "POST"]
    assert [path.rpartition("/")[2] for path in sent] == ["pause", "resume"]
    assert prod.state("orders") == "active"
    assert_quiet(daemon)
