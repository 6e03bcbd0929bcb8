"""The page of a real daemon in a real browser: before, during and after an opening."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.evil.canary import canary
from tests.host.browser import CHROMIUM, Browser, running_browser
from tests.host.test_page import AXE, NARROW, WIDE, violations
from tests.process.conftest import Stage, once, wait_until
from tests.process.test_monitoring import free_port, top

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
    pytest.mark.skipif(
        not AXE.exists(), reason="axe-core is not installed: npm ci in tests/host/axe"
    ),
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Set the stage, and strike it whatever happens."""
    with ExitStack() as exits:
        stage = Stage(tmp_path, canary(), exits)
        exits.callback(stage.finish)
        yield stage


def test_it_can_be_read_from_before_an_opening_to_after_it(stage: Stage) -> None:
    """In each state the first line answers, everybody can read all of it, and nothing fails."""
    port = free_port()
    stage.simulate("prod", "orders", "archive")
    dr = stage.simulate("dr", "orders")
    stage.write(once("night", 3600, 7200, repositories='{prod: ["*"], dr: ["*"]}'), top=top(port))
    daemon = stage.start()
    daemon.wait_for("http.attempted", 2, action="list")

    def open_without_dr() -> None:
        dr.stop()
        stage.ask("open", "patch", "--repository", "dr/*", "prod/*", "--for", "1h")

    def spoil() -> None:
        stage.config.write_text("windows: <b>\n")
        daemon.wait_for("config.rejected")

    states: list[tuple[Callable[[], object], str, int, str]] = [
        (lambda: None, "No window is open. Nothing is held.", NARROW, "light"),
        (
            lambda: stage.ask("open", "night", "--for", "1h"),
            "Everything is paused: 3 of 3. You may start.",
            WIDE,
            "dark",
        ),
        (lambda: stage.ask("close", "night"), "No window is open. Nothing is held.", WIDE, "light"),
        (
            open_without_dr,
            "Not everything is paused: 2 of 3; dr does not answer.",
            NARROW,
            "dark",
        ),
        (spoil, "The file was rejected", WIDE, "dark"),
    ]
    with running_browser() as browser:
        for change, says, width, scheme in states:
            change()
            browser.look_like(width=width, scheme=scheme)
            wait_until(lambda said=says: said in shown(browser, port), says)  # type: ignore[misc]

            assert browser.problems == []
            assert violations(browser) == []
            assert browser.evaluate("document.documentElement.scrollWidth") == width


def shown(browser: Browser, port: int) -> str:
    """Open the page, and return what it says."""
    browser.open(f"http://127.0.0.1:{port}/?refresh=off")
    return str(browser.evaluate("document.body.innerText"))
