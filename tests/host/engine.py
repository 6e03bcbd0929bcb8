"""podman in namespaces of its own, over a store in memory; its base image is this machine's files.

No registry is asked, nothing inside has a network but loopback, and when the engine is closed all
that ran in it has ended and all that it stored is gone.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO, Self

PYTHON = Path("/usr/bin/python3")
PACKAGES = ("python3-venv", "base-files", "coreutils", "dash", "tzdata")
BASE = "localhost/base"

# A store, locks and sockets that nobody else has. Of control groups only the unified ones: crun
# refuses a machine that has both kinds, and nothing here limits resources.
SET_UP = """\
for folder in /run /dev/shm /var/lib/containers; do
    mkdir -p $folder && mount -t tmpfs -o mode=755,size=2g engine $folder || exit
done
mount -t cgroup2 engine /sys/fs/cgroup && ip link set lo up && echo ready && exec cat
"""


def unavailable() -> str:
    """Say why no image can be built and run here; empty if nothing is known to be in the way."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("podman", "crun", "unshare", "nsenter", "mount", "ip", "apt-cache", "dpkg"):
        if not shutil.which(tool):
            return f"needs {tool}"
    # What pip finds for us has to suit the interpreter of the base image.
    asked = "import sys, ensurepip; print(*sys.version_info[:2], sep='.')"
    version = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=False)
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version.stdout.strip() != ours or not importlib.util.find_spec("pip"):
        return f"needs {PYTHON} to be Python {ours} with venv, and pip here"
    return ""


class EngineError(Exception):
    """Raised when this machine runs no containers, or cannot get what an image is made of."""


class Engine:
    """One podman, its images and its containers."""

    def __init__(self, folder: Path) -> None:
        """Make its namespaces. Raises EngineError."""
        self._folder = folder
        self._holder = subprocess.Popen(
            [
                *("unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", "sh", "-c", SET_UP),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = _stream(self._holder.stdout).readline()
        if said != "ready\n":
            self.close()
            raise EngineError(f"no namespaces for podman: {said}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._inside = children.split()[0]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End all that runs in it; the kernel takes its file systems down."""
        self._holder.kill()
        for stream in (self._holder.stdin, self._holder.stdout):
            _stream(stream).close()
        self._holder.wait(30)

    def podman(self, *arguments: str, is_checked: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman to its end; what it says on either stream is in `stdout`."""
        done = subprocess.run(
            [
                *("nsenter", "-t", self._inside, "--all"),
                *("podman", "--cgroup-manager=cgroupfs", "--events-backend=none", *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        if is_checked and done.returncode:
            raise AssertionError(f"podman {arguments[0]}: exit {done.returncode}: {done.stdout}")
        return done

    def run(self, *arguments: str, is_checked: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a container; without systemd there is no timer for health checks, so none is set."""
        limits = [
            f"--ulimit={name}={hard}:{hard}"
            for name, hard in (("nofile", _hard("NOFILE")), ("nproc", _hard("NPROC")))
        ]
        plain = ("--cgroups=disabled", "--network=host", "--health-interval=disable", *limits)
        return self.podman("run", *plain, *arguments, is_checked=is_checked)

    def import_base(self) -> None:
        """Make the image `BASE` of a Python and what it needs, as Debian installed them here.

        Raises:
            EngineError: podman cannot import or run it.

        """
        archive = self._folder / "base.tar"
        _pack(archive)
        imported = self.podman("import", str(archive), BASE, is_checked=False)
        ran = self.run("--rm", BASE, "true", is_checked=False)
        if imported.returncode or ran.returncode:
            raise EngineError(f"podman runs nothing: {imported.stdout[-300:]}{ran.stdout[-300:]}")
        archive.unlink()

    def build(self, recipe: Path, context: Path, tag: str) -> None:
        """Build an image on `BASE` without a network: pip is given what the lock names.

        Raises:
            EngineError: the packages cannot be had here.

        """
        wheels = self._folder / "wheels"
        lock = ("--require-hashes", "--requirement", str(context / "requirements.lock"))
        options = ("--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels), *lock)
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            raise EngineError(f"no packages: {done.stderr[-500:]}")
        settings = self._folder / "pip.conf"
        settings.write_text("[global]\nno-index = true\nfind-links = /from-the-test\n")
        self.podman(
            *("build", "--format=docker", "--isolation=chroot", "--network=host"),
            *(f"--volume={wheels}:/from-the-test:ro", f"--volume={settings}:/etc/pip.conf:ro"),
            *(f"--build-arg=BASE={BASE}", f"--tag={tag}", f"--file={recipe}", str(context)),
        )
        shutil.rmtree(wheels)


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _hard(name: str) -> int:
    limits = {"NOFILE": resource.RLIMIT_NOFILE, "NPROC": resource.RLIMIT_NPROC}
    return resource.getrlimit(limits[name])[1]


def _pack(archive: Path) -> None:
    """Write the files of PACKAGES, and of all that these depend on, into *archive*."""
    command = ["apt-cache", "depends", "--recurse", "--installed", "--important", *PACKAGES]
    closure = _lines(*command)
    names = {name for name in closure if not name.startswith((" ", "<"))}
    owned = {Path(path) for path in _lines("dpkg", "-L", *names) if path.startswith("/")}
    # Where /bin is a link to /usr/bin, packages may still say /bin.
    real = {path.parent.resolve() / path.name for path in owned if os.path.lexists(path)}
    links = {Path(f"/{name}") for name in ("bin", "sbin", "lib", "lib64")}
    unwanted = (Path("/usr/share/doc"), Path("/usr/share/man"), Path("/usr/share/locale"))
    with tarfile.open(archive, "w") as tar:
        for path in sorted(real | links):
            if os.path.lexists(path) and not any(map(path.is_relative_to, unwanted)):
                tar.add(path, recursive=False)


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout.splitlines()
