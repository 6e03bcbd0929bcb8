"""Have a file read by a process of its own, and wait for what it makes of it.

Nothing that a file says can then hold the daemon, fill its memory or end it. Where this process has
one thread, as at a start, it forks: that takes milliseconds. Where it has several, a fork would
have copies of locks that nobody releases, so a new interpreter is started, which takes a third of a
second on another processor.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from daemon.config.document import SIZE_LIMIT
from daemon.config.file_watch import Content
from daemon.config.reading.child import OUT_OF_MEMORY, serve
from daemon.config.reading.limits import Limits
from daemon.config.reading.request import Answer, Request
from daemon.config.settings import Settings
from daemon.errors import Fault
from daemon.host.files import why_unreadable

_CHUNK = 1024 * 1024
_OF_THE_FILE = {-signal.SIGXCPU, OUT_OF_MEMORY}
"""How a process ends that is given too much to read; anything else may be over the next time."""

_START = (
    "import sys; parent, *sys.path = sys.argv[1:];"
    " from daemon.config.reading.child import main; main(int(parent))"
)


def load(path: Path, *, environ: Mapping[str, str], check_secrets: bool = True) -> Settings:
    """Return the settings of the file at *path*; *check_secrets* as in `settings.parse`.

    Raises:
        ConfigError: it cannot be read or is invalid; carries the faults.

    """
    try:
        # Whatever it is: a person may have a command read a pipe.
        with path.open("rb") as file:
            # One byte more than allowed is enough to refuse a file that never ends.
            content = Content(file.read(SIZE_LIMIT + 1))
    except OSError as exc:
        content = Content(b"", why_unreadable(exc))
    folder = path.absolute().parent
    request = Request(content, str(path), folder, environ, check_secrets=check_secrets)
    return FileReading().read(request).settings_of(request.path)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect no garbage meanwhile: that would stop all threads, and passes have to be on time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Child(Protocol):
    """A process that writes its answer to the pipe whose other end is `out`."""

    out: int

    def kill(self) -> None: ...

    def wait(self) -> int: ...


class FileReading:
    """Reads files, one after the other, each in a process of its own."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._child: _Child | None = None
        self._is_stopped = False

    def read(self, request: Request) -> Answer:
        """Return what the process answers; where it fails, that is a fault of the file.

        It waits, for two minutes at most: on a thread that nobody waits for.
        """
        try:
            child = _Forked(request) if threading.active_count() == 1 else _Spawned(request)
        except OSError as exc:
            return _failed(f"no process can be started to read it ({exc.strerror})", may_pass=True)
        self._child = child
        if self._is_stopped:
            child.kill()
        try:
            return _outcome(child, request.limits)
        finally:
            self._child = None

    def stop(self) -> None:
        """End a reading that is under way, and each that is begun from now on; from any thread."""
        self._is_stopped = True
        child = self._child
        if child:
            child.kill()


class _Forked:
    """A copy of this process, which has one thread."""

    def __init__(self, request: Request) -> None:
        parent = os.getpid()
        self.out, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            serve(request, parent, theirs)
        os.close(theirs)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        os.close(self.out)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


class _Spawned:
    """A new interpreter, which finds its modules where this one does."""

    def __init__(self, request: Request) -> None:
        # In memory, since it has the environment in it, and a whole file: a pipe would block.
        with os.fdopen(os.memfd_create("request"), "w+b") as file:
            pickle.dump(replace(request, environ=dict(request.environ)), file)
            file.seek(0)
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-I", "-c", _START, str(os.getpid()), *sys.path],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        self.out = self._process.stdout.fileno() if self._process.stdout else -1

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        with self._process:
            return self._process.wait()


def _outcome(child: _Child, limits: Limits) -> Answer:
    found = _all_of(child.out, time.monotonic() + limits.wall_s)
    if found is None:
        child.kill()
    code = child.wait()
    if found is None:
        return _failed(
            f"reading it took longer than {limits.wall_s} s: is a disk or the machine busy?",
            may_pass=True,
        )
    if code != 0:
        return _failed(_why(code, limits), may_pass=code not in _OF_THE_FILE)
    with no_garbage_collection():
        # By pickle: both ends of the pipe are this package, in one version, run by one user. Who
        # could write into it could as well write into our memory.
        answer: Answer = pickle.loads(found)  # noqa: S301
    return answer


def _all_of(pipe: int, deadline: float) -> bytes | None:
    """Return what comes until the end; None if that does not come in time."""
    chunks: list[bytes] = []
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            chunk = os.read(pipe, _CHUNK)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
    return None


def _why(code: int, limits: Limits) -> str:
    advice = "make it smaller, or its rules simpler"
    if code == -signal.SIGXCPU:
        return f"reading it takes more than {limits.processor_s} s of processor time: {advice}"
    if code == OUT_OF_MEMORY:
        return f"reading it takes more than {limits.memory // 1024**2} MiB of memory: {advice}"
    what = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"the process that reads it ended without an answer ({what})"


def _failed(reason: str, *, may_pass: bool) -> Answer:
    return Answer(None, (Fault(1, 1, "", reason),), may_pass=may_pass)
