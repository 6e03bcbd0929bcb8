"""The example for Kubernetes: its parts fit each other, the image and the program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from daemon import __version__
from daemon.config.reading.process import load
from daemon.config.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "systemd" / "kubernetes.yaml").read_text()
RECIPE = (ROOT / "systemd" / "Containerfile").read_text()
UNIT = (ROOT / "systemd" / "cbmaintd.service").read_text()
OBJECTS: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all(EXAMPLE)}
POD: dict[str, Any] = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
MOUNTS: dict[str, dict[str, Any]] = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
VOLUMES: dict[str, dict[str, Any]] = {volume["name"]: volume for volume in POD["volumes"]}
SCHEDULES: str = OBJECTS["ConfigMap"]["data"]["schedules.yaml"]


def in_image(variable: str) -> str:
    """Return what the image sets *variable* to."""
    found = re.search(rf"{variable}=(\S+)", RECIPE)
    assert found
    return found[1]


def settings(folder: Path) -> Settings:
    """Load the file of the ConfigMap, with a Secret in *folder*."""
    secret = folder / "prod.password"
    secret.touch(mode=0o600)
    secret.write_text("hunter2")
    file = folder / "schedules.yaml"
    file.write_text(SCHEDULES.replace(MOUNTS["secrets"]["mountPath"], str(folder)))
    return load(file, environ={})


def test_its_file_is_valid(tmp_path: Path) -> None:
    """The schedules.yaml in the ConfigMap has no fault, and is warned of nothing but its port."""
    found = settings(tmp_path)

    assert [warning.path for warning in found.warnings] == ["listen"]
    assert set(found.clusters) == {"prod"}
    assert set(found.windows) == {"sunday-patching"}


def test_every_volume_is_there_and_mounted() -> None:
    """What the pod mounts are its volumes, and these are the objects beside it, and the Secret."""
    named = {
        VOLUMES["config"]["configMap"]["name"]: OBJECTS["ConfigMap"],
        VOLUMES["ledger"]["persistentVolumeClaim"]["claimName"]: OBJECTS["PersistentVolumeClaim"],
    }
    secret = VOLUMES["secrets"]["secret"]["secretName"]

    assert MOUNTS.keys() == VOLUMES.keys()
    assert [name for name, found in named.items() if found["metadata"]["name"] != name] == []
    assert f"kubectl create secret generic {secret} --from-file=prod.password\n" in EXAMPLE
    assert not any("subPath" in mount for mount in MOUNTS.values())
    assert [name for name, mount in MOUNTS.items() if not mount.get("readOnly")] == ["ledger"]


def test_the_places_are_those_of_the_image() -> None:
    """File, ledger, user and version are where and what the image takes them to be."""
    mounted = {name: mount["mountPath"] for name, mount in MOUNTS.items()}
    security = POD["securityContext"]

    assert f"{mounted['config']}/schedules.yaml" == in_image("CBMAINTD_CONFIG")
    assert f"sqlite:///{mounted['ledger']}/ledger.db" == in_image("CBMAINTD_LEDGER")
    assert f"password_file: {mounted['secrets']}/prod.password\n" in SCHEDULES
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in RECIPE
    assert CONTAINER["image"] == f"cbmaintd:{__version__}"


def test_it_has_no_rights() -> None:
    """It is not root, writes nowhere but to the ledger, has no capability, and no token."""
    security = POD["securityContext"]

    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["fsGroup"] == security["runAsGroup"]
    assert VOLUMES["secrets"]["secret"]["defaultMode"] == 0o440
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_there_is_one_and_it_stops_as_the_unit_does() -> None:
    """No two daemons are meant to run at a time, and each has as long to stop as under systemd."""
    deployment = OBJECTS["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert f"TimeoutStopSec={POD['terminationGracePeriodSeconds']}\n" in UNIT


def test_the_probes_restart_only_what_a_restart_mends(tmp_path: Path) -> None:
    """Liveness asks /livez, the others /readyz, at the port where the file has it listen."""
    probes = {name: CONTAINER[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    asked = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    listen = settings(tmp_path).listen
    patience = {
        name: probe["periodSeconds"] * probe.get("failureThreshold", 3)
        for name, probe in probes.items()
    }

    assert asked == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    assert {ports[probe["httpGet"]["port"]] for probe in probes.values()} == {listen and listen[1]}
    assert f"TimeoutStartSec={patience['startup']}\n" in UNIT
    assert f"WatchdogSec={patience['liveness']}\n" in UNIT


def test_only_monitoring_reaches_its_port() -> None:
    """The policy is about this pod, and lets nobody in but from one namespace, to one port."""
    policy = OBJECTS["NetworkPolicy"]["spec"]
    (rule,) = policy["ingress"]
    (port,) = CONTAINER["ports"]

    assert policy["podSelector"] == OBJECTS["Deployment"]["spec"]["selector"]
    assert policy["policyTypes"] == ["Ingress"]
    assert [list(peer) for peer in rule["from"]] == [["namespaceSelector"]]
    assert rule["ports"] == [{"protocol": "TCP", "port": port["name"]}]


def test_its_memory_is_that_of_the_unit() -> None:
    """Both end it at the same size."""
    assert CONTAINER["resources"]["limits"]["memory"] == "1Gi"
    assert "\nMemoryMax=1G\n" in UNIT
