"""What is served for monitoring, where, and how health is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from daemon.monitoring.endpoint import Endpoint, OnBug, Page
from daemon.monitoring.metrics import CONTENT_TYPE, Metrics, State
from daemon.monitoring.page.scene import Scene
from daemon.wording import json_text

if TYPE_CHECKING:
    from daemon.monitoring.page.site import Site


class Reader(Protocol):
    """Tells how things stand, from any thread: for metrics, for health and for the page."""

    def state(self) -> State:
        """Return how things stand for monitoring."""

    def problems(self) -> Sequence[str]:
        """Return why somebody should look after this daemon."""

    def stalls(self) -> Sequence[str]:
        """Return what only a restart repairs."""

    def scene(self) -> Scene:
        """Return how things stand for people."""


class Monitor:
    """Serves metrics and health at the address of the configuration in force, or nowhere.

    `/metrics` is Prometheus's text format, `/healthz` whether somebody has to look after this
    daemon and why, `/readyz` whether a configuration is in force (`is_ready`), `/livez` whether a
    restart would mend something. Whatever else there is, the page for people has.
    """

    def __init__(
        self,
        metrics: Metrics,
        reader: Reader,
        on_bug: OnBug,
    ) -> None:
        """Ask *reader* when somebody asks here; serve nowhere yet.

        *on_bug* is told, on another thread, of what could not be answered.
        """
        metrics.observe(reader.state)
        self.is_ready = False
        self._pages = {
            "/metrics": lambda: Page(HTTPStatus.OK, metrics.render(), CONTENT_TYPE),
            "/healthz": lambda: _verdict(reader.problems()),
            "/readyz": lambda: _verdict([] if self.is_ready else ["starting or stopping"]),
            "/livez": lambda: _verdict(reader.stalls()),
        }
        self._scene = reader.scene
        self._site: Site | None = None
        self._on_bug = on_bug
        self._address: tuple[str, int] | None = None
        self._endpoint: Endpoint | None = None

    def listen(self, address: tuple[str, int] | None) -> None:
        """Serve at *address* from now on, and no longer where it was; None for nowhere.

        Raises:
            HostError: the address is taken, or none of this machine; all stays as it was.

        """
        if address == self._address:
            return
        former = self._endpoint
        self._endpoint = Endpoint(address, self._find, self._on_bug) if address else None
        self._address = address
        if former:
            former.close()

    def _find(self, target: str) -> Callable[[], Page]:
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            if self._site is None:
                # Not before somebody looks: its libraries would cost each start.
                from daemon.monitoring.page.site import Site  # noqa: PLC0415

                self._site = Site(self._scene)
            page = self._site.find(target)
        return page or self._missing

    def _missing(self) -> Page:
        known = ", ".join(("/", *self._pages))
        return Page(HTTPStatus.NOT_FOUND, f"there are: {known}\n".encode())

    def close(self) -> None:
        """Serve no more."""
        if self._endpoint:
            self._endpoint.close()
        self._endpoint = self._address = None


def _verdict(problems: Sequence[str]) -> Page:
    """Return the page that says whether all is well, or else all that is not."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    body = json_text({"ok": not problems, "reasons": list(problems)}).encode() + b"\n"
    return Page(status, body, "application/json")
