"""The container recipe: what it says, and a daemon that lives in the image that it makes."""

from __future__ import annotations

import json
import re
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon import __version__
from daemon.cli import places
from tests.host.engine import Engine, EngineError, unavailable
from tests.process.kubelet import Volume

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "systemd" / "Containerfile"
USER = 10001
IMAGE = "localhost/cbmaintd"
STOPPED_WITHIN_S = 10.0

needs_podman = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "all is there")


def steps() -> list[tuple[str, str]]:
    """Return the recipe's instructions and what follows each, continued lines joined."""
    lines = [line for line in RECIPE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.split("\n"))]


def of(instruction: str) -> list[str]:
    """Return what follows each instruction of one kind."""
    return [rest for name, rest in steps() if name == instruction]


def test_the_recipe_and_the_program_agree() -> None:
    """Version, places and port of the recipe are those of the program and of its example."""
    environment = dict(re.findall(r"([A-Z_]+)=(\S+)", " ".join(of("ENV"))))
    ledger = environment["CBMAINTD_LEDGER"].removeprefix("sqlite:///")
    port = re.search(r"^listen: \S+:(\d+)", (ROOT / "schedules.yaml").read_text(), re.MULTILINE)

    assert f"VERSION={__version__}" in of("ARG")
    assert environment["CBMAINTD_CONFIG"] == str(places.SYSTEM_CONFIG)
    assert f"-o {USER} -g {USER} {Path(ledger).parent}" in of("RUN")[-1]
    assert of("USER") == [f"{USER}:{USER}"]
    assert port
    assert f"('127.0.0.1', {port[1]}," in of("HEALTHCHECK")[0]


def test_the_image_has_every_extra_of_the_daemon() -> None:
    """A file that names a database, holidays or an apprise target works in it, too."""
    (installed,) = re.findall(r"'cbmaintd\[([a-z,]+)\]'", RECIPE.read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert set(installed.split(",")) == project["optional-dependencies"].keys() - {"test"}


def test_every_stage_is_built_on_one_image_by_its_digest() -> None:
    """A tag may be moved: what is built tomorrow is what was looked at today."""
    assert re.fullmatch(r"BASE=python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", of("ARG")[0])
    assert of("FROM") == ["${BASE} AS build", "${BASE}"]


def test_the_recipe_names_no_host() -> None:
    """Where images and packages come from is left to who builds: no registry, no index."""
    plain = RECIPE.read_text().replace("sqlite://", "").replace("http.client", "")

    assert not re.search(r"://|--(extra-)?index-url|--trusted-host|\b\w+\.(io|org|com)/", plain)


def test_what_the_recipe_copies_is_there() -> None:
    """Everything that is copied from a clone is in it, and is all that its build needs."""
    copied = [path for rest in of("COPY") if "--from" not in rest for path in rest.split()[:-1]]

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {"pyproject.toml", "README.md", "schedules.yaml", "systemd", "daemon"} <= set(copied)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Return a podman that has built the image."""
    with ExitStack() as exits:
        try:
            engine = exits.enter_context(Engine(tmp_path))
            engine.import_base()
            engine.build(RECIPE, ROOT, IMAGE)
        except EngineError as exc:
            pytest.skip(f"no image can be built here: {exc}")
        yield engine


class Pod:
    """A simulator and a daemon in containers, and the volumes of the daemon."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """Lay the volumes out as Kubernetes does, with `fsGroup`; nothing runs yet."""
        self._engine = engine
        self._passwords = 0
        self.config = Volume(folder / "config", group=USER)
        self.secrets = Volume(folder / "secrets", mode=0o440, group=USER)
        engine.podman("volume", "create", "ledger")
        self.rotate()

    def rotate(self) -> None:
        """Start the simulator anew, with a new password: it knows its repositories still."""
        self._passwords += 1
        self._engine.podman("rm", "--force", "--ignore", "--time=0", "simulator")
        self._engine.run(
            *("--detach", "--name=simulator", "--volume=simulated:/var/lib/cbmaintd", IMAGE),
            *("simulate", "--port=18097", "--repositories=orders,archive", "--username=cbmaintd"),
            *(f"--password=canary-{self._passwords}", "--state-file=/var/lib/cbmaintd/state"),
        )

    def publish_password(self) -> None:
        """Return the daemon the password that the simulator has now."""
        self.secrets.publish({"prod.password": f"canary-{self._passwords}\n"})

    def publish_window(self, name: str, start: float, end: float) -> None:
        """Return the daemon a file with this window, in seconds from now."""
        now = datetime.now(UTC).replace(microsecond=0)
        opens, closes = ((now + timedelta(seconds=each)).isoformat() for each in (start, end))
        self.config.publish(
            {
                "schedules.yaml": "resync: 1s\nlisten: 127.0.0.1:9797\nclusters:\n  prod:\n"
                "    url: http://127.0.0.1:18097\n    username: cbmaintd\n"
                "    password_file: /run/secrets/cbmaintd/prod.password\nwindows:\n"
                f'  {name}:\n    once: {{start: "{opens}", end: "{closes}"}}\n'
                '    repositories: {prod: ["*"]}\n'
            }
        )

    def start(self, name: str) -> None:
        """Start a daemon."""
        self._engine.run("--detach", f"--name={name}", *self._options(), IMAGE)

    def call(self, *arguments: str, has_ledger: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of its own."""
        options = self._options()[: None if has_ledger else -1]
        return self._engine.run("--rm", *options, IMAGE, *arguments, is_checked=False)

    def _options(self) -> tuple[str, ...]:
        """Leave nothing that can be written but the ledger's volume, the last of these."""
        return (
            *("--read-only", "--read-only-tmpfs=false"),
            *("--cap-drop=all", "--security-opt=no-new-privileges"),
            f"--volume={self.config.folder}:/etc/cbmaintd:ro",
            f"--volume={self.secrets.folder}:/run/secrets/cbmaintd:ro",
            "--volume=ledger:/var/lib/cbmaintd",
        )

    def wait_for(self, name: str, event: str, count: int = 1, **keys: object) -> None:
        """Wait for so many lines of one event, with these keys, in the log of a daemon."""
        deadline = time.monotonic() + 120
        while True:
            said = self._engine.podman("logs", name).stdout
            lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
            found = [line for line in lines if line["event"] == event]
            if sum(keys.items() <= line.items() for line in found) >= count:
                return
            assert time.monotonic() < deadline, f"no {event} {keys}: {said[-2000:]}"
            time.sleep(0.1)

    def ask(self, name: str, *arguments: str) -> str:
        """Run a command of ours in the container of a daemon."""
        return self._engine.podman("exec", name, "cbmaintd", *arguments).stdout

    def stop(self, name: str) -> tuple[int, float]:
        """Stop a daemon as `podman stop` does; gives its exit code and how long it took."""
        begun = time.monotonic()
        self._engine.podman("stop", "--time=30", name)
        took = time.monotonic() - begun
        code = self._engine.podman("inspect", "--format={{.State.ExitCode}}", name).stdout
        return int(code), took


@needs_podman
@pytest.mark.container
@pytest.mark.timeout(1800)
def test_a_life_in_a_container(engine: Engine, tmp_path: Path) -> None:
    """Without rights, on a read-only root, the daemon pauses, hears edits, stops, and resumes.

    Edits and a rotated password come as the kubelet brings them. What is held when the container
    is stopped is in the ledger's volume, and other containers resume it. Without that volume there
    is no start.
    """
    pod = Pod(engine, tmp_path)
    pod.publish_password()
    pod.publish_window("night", -60, 3600)
    refused = pod.call("run", has_ledger=False)
    pod.start("first")
    pod.wait_for("first", "repository.paused", 2)
    owner = engine.podman("exec", "first", "stat", "-c", "%u:%g", "/proc/1").stdout
    touched = engine.podman("exec", "first", "touch", "/new", is_checked=False).stdout
    shipped = engine.podman("exec", "first", "sh", "-c", "ls / /opt/cbmaintd/lib/*/*").stdout
    well = engine.podman("healthcheck", "run", "first", is_checked=False)
    pod.publish_window("renamed", -60, 3600)
    pod.wait_for("first", "config.applied", 2)
    pod.rotate()
    pod.wait_for("first", "cluster.unreachable", error="unauthorized")
    pod.publish_password()
    pod.wait_for("first", "cluster.recovered")
    reloaded = pod.ask("first", "reload")
    pod.config.publish({"schedules.yaml": "windows: 7\n"})
    pod.wait_for("first", "config.rejected")
    ill = engine.podman("healthcheck", "run", "first", is_checked=False)
    code, took_s = pod.stop("first")
    pod.publish_window("renamed", -60, -5)
    released = pod.call("release", "--repository", "prod/archive")
    pod.start("second")
    pod.wait_for("second", "repository.resumed", repository="orders")
    held = json.loads(pod.ask("second", "status", "--output", "json"))["holds"]

    assert refused.returncode == 1
    assert "the ledger cannot be written" in refused.stdout
    assert owner == f"{USER}:{USER}\n"
    assert "Read-only file system" in touched
    assert {"daemon", "yaml"} <= set(shipped.split())
    assert not {"pip", "setuptools", "pytest", "src", "wheels"} & set(shipped.split())
    assert (well.returncode, ill.returncode) == (0, 1)
    assert reloaded == ("The file is in force.\nIt was in force already: nothing has changed.\n")
    assert (code, took_s < STOPPED_WITHIN_S) == (0, True)
    assert (released.returncode, held) == (0, [])
