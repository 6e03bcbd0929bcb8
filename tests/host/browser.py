"""Debian's Chromium without a screen, spoken to by its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)

_START = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for pipe, number in zip(pipes, (3, 4)):
    os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads from descriptor 3 and writes to 4."""


class Browser:
    """One page in one browser; `problems` are what it has complained of since the last `open`."""

    def __init__(self, commands: int, events: int) -> None:
        """Speak over two pipes; `start` makes them."""
        self._commands = os.fdopen(commands, "wb", buffering=0)
        self._events = os.fdopen(events, "rb", buffering=0)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self._loaded = False
        self.problems: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Log", "Network", "Runtime"):
            self._call(f"{domain}.enable")

    def look_like(self, *, width: int, height: int = 900, scheme: str = "light") -> None:
        """Have a window of that size, and prefer light or dark."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        """Open a page and wait until it is there."""
        self.problems.clear()
        self._loaded = False
        self._call("Page.navigate", url=url)
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until a page that is on its way is there."""
        while not self._loaded:
            self._take()

    def expect_load(self) -> None:
        """Have `wait_for_load` wait for the next page."""
        self._loaded = False

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression on the page, promises awaited."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self, file: Path) -> None:
        """Write what the page looks like from top to bottom, as PNG."""
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self._session = None
        self._call("Browser.close")
        self._commands.close()
        self._events.close()

    def _call(self, method: str, **params: object) -> Any:
        self._number += 1
        number = self._number
        message: dict[str, object] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._take()
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def _take(self) -> Mapping[str, Any]:
        while b"\0" not in self._rest:
            piece = self._events.read(1 << 16)
            if not piece:
                raise AssertionError("the browser has gone")
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded":
                self.problems.append(f"{params['entry']['level']}: {params['entry']['text']}")
            case "Network.loadingFailed" if not params.get("canceled"):
                self.problems.append(f"network: {params['errorText']}")
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                self.problems.append(f"console: {params}")
            case _:
                pass


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a browser with a profile of its own."""
    theirs, commands = os.pipe()
    events, answers = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _START, str(theirs), str(answers)),
                *(str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}"),
            ],
            pass_fds=(theirs, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(answers)
        try:
            with closing(Browser(commands, events)) as browser:
                yield browser
        finally:
            process.kill()
            process.wait()
