"""What the writer's thread does with readers that stall, vanish or come back."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from daemon.log.writer import Entry, LogWriter

SOON = timedelta(seconds=20)
AT_ONCE = timedelta(milliseconds=50)


def open_writer(fd: int) -> LogWriter:
    """Return a writer of JSON lines that reports its losses as `{"lost": n}`."""
    return LogWriter(fd, json.dumps, lambda lines: {"lost": lines})


def open_held_writer(fd: int) -> LogWriter:
    """Return a writer that already waits for room for its first line, `{"first": true}`.

    Without that line, how much of the queue its thread has taken would be the scheduler's choice.
    """
    taken = threading.Event()

    def render(entry: Entry) -> str:
        taken.set()
        return json.dumps(entry)

    writer = LogWriter(fd, render, lambda lines: {"lost": lines})
    writer.submit({"first": True})
    taken.wait()
    return writer


@dataclass
class Pipe:
    """A pipe of one page whose reader sleeps until it is asked to read."""

    reader: int
    writer: int

    def fill(self) -> None:
        """Leave no room at all."""
        os.set_blocking(self.writer, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.writer, b"." * 4095 + b"\n")
        os.set_blocking(self.writer, True)

    def read_until(self, mark: bytes) -> list[bytes]:
        """Read lines until one contains `mark`."""
        seen = b""
        while mark not in seen or not seen.endswith(b"\n"):
            seen += os.read(self.reader, 65536)
        return seen.splitlines()

    def hang_up(self) -> None:
        """Stop reading for good, which frees whoever waits for room."""
        os.close(self.reader)


@contextmanager
def small_pipe() -> Iterator[Pipe]:
    """Open a pipe that holds one page; the test hangs up."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield Pipe(reader, writer)
    os.close(writer)


def wait_until(condition: Callable[[], bool]) -> None:
    """Let other threads run until the condition holds; the test's own time limit is the bound."""
    while not condition():
        os.sched_yield()


def test_a_stalled_reader_delays_no_caller() -> None:
    """With a full pipe and a full queue, logging returns at once and losses are counted."""
    with small_pipe() as pipe:
        pipe.fill()
        writer = open_held_writer(pipe.writer)
        for number in range(15_000):
            writer.submit({"number": number})
        flushed = writer.close(AT_ONCE)
        lost = writer.lost
        pipe.hang_up()
        ended = writer.close(SOON)

    assert not flushed
    assert lost == 5_000
    assert ended
    assert writer.lost == 15_001


def test_a_reader_that_comes_back_learns_what_it_missed() -> None:
    """Lines kept in the queue arrive in order, and one line tells how many did not."""
    with small_pipe() as pipe:
        pipe.fill()
        writer = open_held_writer(pipe.writer)
        for number in range(10_100):
            writer.submit({"number": number})
        lost = writer.lost
        lines = [json.loads(line) for line in pipe.read_until(b"lost") if line.startswith(b"{")]
        pipe.hang_up()
        writer.close(SOON)

    arrived = [line["number"] for line in lines if "number" in line]

    assert lost == 100
    assert {"lost": 100} in lines
    assert arrived == list(range(len(arrived)))


def test_a_reader_that_is_gone_is_survived() -> None:
    """A closed pipe raises nothing in the caller; every line is counted."""
    with small_pipe() as pipe:
        pipe.hang_up()
        writer = open_writer(pipe.writer)
        for _ in range(3):
            writer.submit({})
        flushed = writer.close(SOON)

    assert flushed
    assert writer.lost == 3


def test_a_full_disk_is_survived() -> None:
    """A device without room raises nothing in the caller; every line is counted."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        writer = open_writer(full.fileno())
        writer.submit({})
        writer.close(SOON)

    assert writer.lost == 1


def test_losses_are_reported_without_another_line() -> None:
    """When a disk has room again, the losses are reported though nothing else happens."""
    with Path("/dev/full").open("wb", buffering=0) as full, small_pipe() as pipe:
        writer = open_writer(full.fileno())
        writer.submit({})
        wait_until(lambda: writer.lost == 1)

        os.dup2(pipe.writer, full.fileno())
        lines = pipe.read_until(b"lost")
        pipe.hang_up()
        writer.close(SOON)

    assert lines == [b'{"lost": 1}']


def test_a_nonblocking_descriptor_loses_nothing() -> None:
    """When somebody made the shared pipe non-blocking, lines wait and arrive whole."""
    with small_pipe() as pipe:
        os.set_blocking(pipe.writer, False)
        writer = open_writer(pipe.writer)
        for number in range(500):
            writer.submit({"filler": "." * 90, "number": number})
        lines = pipe.read_until(b'"number": 499')
        writer.close(SOON)
        pipe.hang_up()

    assert [json.loads(line)["number"] for line in lines] == list(range(500))
    assert writer.lost == 0


def test_a_value_without_text_costs_its_own_line_only() -> None:
    """A line that cannot be rendered is counted, and the next one is written."""
    endless: list[object] = []
    endless.append(endless)
    with small_pipe() as pipe:
        writer = open_writer(pipe.writer)

        writer.submit({"value": endless})
        writer.submit({"value": "good"})
        writer.close(SOON)
        lines = pipe.read_until(b"good")
        pipe.hang_up()

    assert [json.loads(line) for line in lines] == [{"lost": 1}, {"value": "good"}]


def test_after_the_end_lines_are_counted() -> None:
    """A line submitted after close is lost, quietly; closing twice is one close."""
    with small_pipe() as pipe:
        writer = open_writer(pipe.writer)
        writer.close(SOON)

        writer.submit({})
        again = writer.close(SOON)
        pipe.hang_up()

    assert again
    assert writer.lost == 1


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    """After a write that broke off in mid-line, the next line starts on a line of its own."""
    with small_pipe() as pipe, (tmp_path / "log").open("ab", buffering=0) as file:
        os.set_blocking(pipe.writer, False)
        writer = open_writer(pipe.writer)
        writer.submit({"filler": "." * 10_000})
        os.read(pipe.reader, 1)
        pipe.hang_up()
        wait_until(lambda: writer.lost == 1)

        os.dup2(file.fileno(), pipe.writer)
        writer.submit({"value": "whole"})
        writer.close(SOON)

    assert (tmp_path / "log").read_text() == '\n{"lost": 1}\n{"value": "whole"}\n'


def test_entries_are_rendered_by_the_writer() -> None:
    """A caller does not even pay for rendering: it happens in the writer's thread."""
    threads: list[str] = []

    def render(_: Entry) -> str:
        threads.append(threading.current_thread().name)
        return ""

    with small_pipe() as pipe:
        writer = LogWriter(pipe.writer, render, lambda _: {})
        writer.submit({})
        writer.close(SOON)
        pipe.hang_up()

    assert threads == ["log"]
