"""cbmaintd as a stranger installs it: by pip, pipx and uv, away from any checkout."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from packaging.utils import canonicalize_name

from daemon import __version__
from tests.host.installation import (
    LEFT_BEHIND,
    LOCK,
    ROOT,
    TESTS_LOCK,
    Built,
    Environment,
    build_into,
    install_into,
    once,
    run,
)

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("build", "pip", "pipx", "uv"))), reason="needs build, pip, pipx and uv"
)

IMPORT_ALL = """
import importlib, pkgutil, daemon
names = [module.name for module in pkgutil.walk_packages(daemon.__path__, "daemon.")]
print(len([importlib.import_module(name) for name in names if not name.endswith("__main__")]))
"""
LIBRARIES = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
EXTRAS: dict[str, tuple[str, dict[str, object]]] = {
    "apprise": ("check", {"notify": [{"apprise": {"env": "MAIL"}}]}),
    "holidays": ("check", {"exclusions": {"feasts": [{"holidays": "DE"}]}}),
    "postgresql": ("status", {"ledger": "postgresql+psycopg://127.0.0.1:1/none"}),
}
"""For each extra a command that needs it, and what to write into a file for that."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel that was built from this checkout."""
    return Built.below(once(tmp_path_factory, "built", build_into)).wheel


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> Environment:
    """Return an environment made by one installer, the parameter, for all tests of this run."""
    installer = request.param

    def make(folder: Path) -> None:
        install_into(folder, installer, wheel)

    return Environment(once(tmp_path_factory, f"by-{installer}", make), installer)


by_pip = pytest.mark.parametrize("environment", ["pip"], indirect=True)
by_each = pytest.mark.parametrize("environment", ["pip", "pipx", "uv-tool"], indirect=True)


@by_each
def test_it_runs_away_from_the_checkout(environment: Environment) -> None:
    """Everything that a command prints is in the environment; the unit names its command."""
    said = environment.run(environment.command, "version").stdout
    as_module = environment.run(environment.python, "-m", "daemon", "version").stdout
    example = environment.run(environment.command, "init").stdout
    page = environment.run(environment.command, "manual", "installing").stdout
    schema = environment.run(environment.command, "schema").stdout
    unit = environment.run(environment.command, "install-unit", "--print")

    assert (said, as_module) == (f"cbmaintd {__version__}\n",) * 2
    assert example == (ROOT / "schedules.yaml").read_text()
    assert page == (ROOT / "daemon/manual/installing.md").read_text()
    assert json.loads(schema)["title"] == "schedules.yaml"
    assert f"ExecStart={environment.command} --config /etc/" in unit.stdout
    assert "this unit would not be installed" in unit.stderr


@by_pip
def test_the_demo_runs_away_from_the_checkout(environment: Environment) -> None:
    """The daemon, the simulator and all that they start come from the environment."""
    done = environment.run(environment.command, "demo")

    assert "Every repository of the window was paused and resumed." in done.stdout


@by_pip
def test_the_lock_alone_is_enough_to_run(environment: Environment) -> None:
    """With the lock's libraries, and none of the tests', every module can be imported."""
    installed = environment.run(
        sys.executable, "-m", "uv", "pip", "list", "--format=json", "--python", environment.python
    )
    imported = environment.run(environment.python, "-I", "-W", "error", "-c", IMPORT_ALL)

    names = {canonicalize_name(each["name"]) for each in json.loads(installed.stdout)}
    locked = re.findall(r"^(\S+)==", LOCK.read_text(), re.MULTILINE)
    pinned = set(map(canonicalize_name, locked))
    assert names == pinned | {"cbmaintd"}
    assert int(imported.stdout) == len(list((ROOT / "daemon").rglob("*.py"))) - 2


def test_without_an_extra_its_name_is_said(wheel: Path, tmp_path: Path) -> None:
    """The program runs with no extra at all; a file that needs one says how to install it."""
    made = install_into(tmp_path, "uv", wheel)

    said = {extra: ask(made, extra) for extra in EXTRAS}

    assert [done.returncode for done in said.values()] == [2, 2, 1]
    assert [extra for extra in EXTRAS if f"cbmaintd[{extra}]" not in said[extra].stderr] == []


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_is_enough_for_what_it_is_for(extra: str, wheel: Path, tmp_path: Path) -> None:
    """With this extra alone a file that needs it is understood."""
    said = ask(install_into(tmp_path, "uv", wheel, extra), extra)

    assert "cbmaintd[" not in said.stderr
    if extra == "postgresql":
        assert "connection to server" in said.stderr
    else:
        assert said.returncode == 0


@pytest.mark.parametrize(("option", "libraries"), [("--target", "."), ("--prefix", LIBRARIES)])
def test_its_files_are_found_wherever_pip_puts_them(
    option: str, libraries: str, wheel: Path, tmp_path: Path
) -> None:
    """Also where the interpreter has another prefix, as with pip's `--target` and `--user`."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run([*pip, option, str(tmp_path / "there"), str(wheel)], cwd=tmp_path)
    path = str(tmp_path / "there" / libraries)

    said = run([sys.executable, "-m", "daemon", "init"], cwd=tmp_path, PYTHONPATH=path)

    assert said.stdout == (ROOT / "schedules.yaml").read_text()


@pytest.mark.nightly
def test_the_first_command_of_the_readme(tmp_path: Path) -> None:
    """In a fresh clone, word for word, it ends with a demo that worked."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    readme = (ROOT / "README.md").read_text()
    matched = re.search(
        r"<!-- command: demo -->\n```sh\n(.+?)^```", readme, re.DOTALL | re.MULTILINE
    )
    assert matched is not None

    done = run(["bash", "-euo", "pipefail", "-c", matched[1]], cwd=clone)

    assert "Every repository of the window was paused and resumed." in done.stdout


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_pin_is_a_wheel_on_every_python(version: str, tmp_path: Path) -> None:
    """Nobody needs a compiler, neither to run it nor to test it, on a Python that we name."""
    options = ("--python-version", version, "--only-binary=:all:", "--no-deps", "--quiet")
    locks = ("--require-hashes", "--requirement", str(LOCK), "--requirement", str(TESTS_LOCK))
    made = Environment(tmp_path, "uv")
    made.home.mkdir()

    made.install("uv", "pip", "install", *options, *locks, "--target", str(tmp_path / "all"))


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_it_runs_on_the_other_pythons(version: str, wheel: Path, tmp_path: Path) -> None:
    """The lock and the wheel make a demo that works on every Python that is named and is here."""
    kept = Path(pwd.getpwuid(os.getuid()).pw_dir).glob(f".pyenv/versions/{version}.*/bin/python")
    python = next(map(str, kept), None) or shutil.which(f"python{version}")
    if not python:
        pytest.skip(f"needs Python {version}")
    made = Environment(tmp_path, "uv")
    made.home.mkdir()
    made.install("uv", "venv", "--python", python, str(made.bin.parent))
    uv = ("uv", "pip", "install", "--python", made.python)
    made.install(*uv, "--require-hashes", "--requirement", str(LOCK))
    made.install(*uv, "--no-index", "--no-deps", str(wheel))

    done = made.run(made.command, "demo")

    assert made.run(made.python, "--version").stdout.startswith(f"Python {version}.")
    assert "Every repository of the window was paused and resumed." in done.stdout


def ask(made: Environment, extra: str) -> CompletedProcess[str]:
    """Run a command on a file that needs an extra."""
    file = made.home / f"{extra}.yaml"
    day = {"start": "2026-12-24T18:00", "end": "2026-12-27T06:00"}
    verb, needing = EXTRAS[extra]
    document = {
        "clusters": {"prod": {"url": "http://127.0.0.1:1", "username": "u", "password_env": "P"}},
        "windows": {"move": {"once": day, "repositories": {"prod": ["*"]}}},
        **needing,
    }
    file.write_text(yaml.safe_dump(document))
    secrets = ("env", "P=none", "MAIL=json://127.0.0.1:1/")
    return made.attempt(*secrets, made.command, "--config", str(file), verb)
