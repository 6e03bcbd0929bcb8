"""Lines to a file descriptor, from a thread that no caller ever waits for.

A log reader that stalls, vanishes or fills its disk must not stop a resume. So a caller only puts
an entry into a queue; one thread renders and writes. What does not fit or cannot be written is
counted, and the count becomes a line of its own as soon as there is room again.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import accumulate
from queue import Empty, SimpleQueue
from typing import Final

Entry = dict[str, object]
"""One line of the log before it is rendered; nobody changes it after it was submitted."""

LIMIT: Final = 10_000
"""Entries that may wait: some seconds of the busiest fleet, a few megabytes."""

_BATCH: Final = 500
_GATHER_S: Final = 0.002
_FOLD_S: Final = 0.25
"""How long entries are gathered that are folded: what happens together is told together."""

_UNRENDERABLE: Final = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError),
    RecursionError,
)
"""What comes of a value that has no text; the thread outlives it."""

_NEWLINE: Final = ord("\n")
_REPORT_EVERY_S: Final = 1.0
"""How soon losses are reported when no further line comes along."""


class LogWriter:
    """Renders and writes entries to `fd`, in the order in which they were submitted.

    `render` turns an entry into one line without its end; `report` makes the entry which says that
    so many lines were lost; `fold`, where there is one, makes fewer entries of those that came
    together. All are called by the writer's own thread.
    """

    def __init__(
        self,
        fd: int,
        render: Callable[[Entry], str],
        report: Callable[[int], Entry],
        *,
        fold: Callable[[Sequence[Entry]], list[Entry]] | None = None,
        limit: int = LIMIT,
    ) -> None:
        """Start the thread; `fd` stays the caller's and is not closed."""
        self._fd = fd
        self._render = render
        self._report = report
        self._fold = fold
        self._gather_s, self._batch = (_FOLD_S, limit) if fold else (_GATHER_S, _BATCH)
        self._limit = limit
        # SimpleQueue, because its put() may interrupt itself (a signal handler that logs); it has
        # no bound of its own, so submit() asks for the size first.
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._counting = threading.RLock()
        self._lost = 0
        self._reported = 0
        self._torn = False
        self._closed = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many lines could not be written so far, reported or not."""
        return self._lost

    def submit(self, entry: Entry) -> None:
        """Queue the entry, or count it as lost; return at once either way."""
        if self._closed or self._queue.qsize() >= self._limit:
            self._lose(1)
        else:
            self._queue.put(entry)

    def close(self, timeout: timedelta) -> bool:
        """Take no more entries, write what waits, and tell whether that ended within `timeout`.

        After False the thread is left alone with its stalled reader; it ends with the process.
        """
        if not self._closed:
            self._closed = True
            self._closing.set()
            self._queue.put(None)
        self._thread.join(timeout.total_seconds())
        return not self._thread.is_alive()

    def _run(self) -> None:
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write what waits, and what is to be said of losses before it; False after the last."""
        entries = self._gathered()
        if not entries:
            self._report_losses()
            return True
        is_last = entries[-1] is None
        lines = self._rendered(self._folded([each for each in entries if each is not None]))
        # Half empty, not merely one place free: else each line of a storm costs a second one.
        if is_last or self._queue.qsize() < self._limit // 2:
            self._report_losses()
        self._lose(self._write(lines))
        if is_last:
            self._report_losses()
        return not is_last

    def _gathered(self) -> list[Entry | None]:
        """Return what waits, the last of it None at the end; none when losses are to be said."""
        entries: list[Entry | None] = []
        wait_s = _REPORT_EVERY_S if self._lost > self._reported else None
        with contextlib.suppress(Empty):
            entries.append(self._queue.get(timeout=wait_s))
            if entries[0] is not None:
                # What comes in a moment is written with it: one call of the system for all.
                self._closing.wait(self._gather_s)
            while entries[-1] is not None and len(entries) < self._batch:
                entries.append(self._queue.get_nowait())
        return entries

    def _report_losses(self) -> None:
        lost = self._lost
        if lost > self._reported:
            report = self._render(self._report(lost - self._reported)).encode() + b"\n"
            if not self._write([report]):
                self._reported = lost

    def _folded(self, entries: list[Entry]) -> list[Entry]:
        try:
            return self._fold(entries) if self._fold else entries
        except _UNRENDERABLE:
            return entries

    def _rendered(self, entries: Iterable[Entry]) -> list[bytes]:
        """Return the lines of *entries*; one with a value that has no text counts as lost."""
        lines = []
        for entry in entries:
            try:
                lines.append(self._render(entry).encode("utf-8", "backslashreplace") + b"\n")
            except _UNRENDERABLE:
                self._lose(1)
        return lines

    def _write(self, lines: Sequence[bytes]) -> int:
        """Write *lines*; return how many of them could not be."""
        written = self._write_all(b"".join(lines))
        # Counted by their ends: a line may have breaks in it, as one with a traceback.
        return sum(end > written for end in accumulate(map(len, lines)))

    def _write_all(self, text: bytes) -> int:
        """Write whole lines, however long the reader takes; close off a torn one before them.

        Return how many bytes of *text* were written: a closed pipe or a full device ends it.
        """
        torn = b"\n" if self._torn else b""
        rest = memoryview(torn + text)
        try:
            while rest:
                try:
                    written = os.write(self._fd, rest)
                except BlockingIOError:
                    self._await_reader()
                else:
                    self._torn = rest[written - 1] != _NEWLINE if written else self._torn
                    rest = rest[written:]
        except OSError:
            # There is no log to say so in.
            pass
        return max(len(text) - len(rest), 0)

    def _await_reader(self) -> None:
        """Wait for room: another process with the same terminal or pipe made it non-blocking."""
        readiness = select.poll()
        readiness.register(self._fd, select.POLLOUT)
        readiness.poll()

    def _lose(self, lines: int) -> None:
        with self._counting:
            self._lost += lines
