"""What is served for monitoring, where, and how health is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from daemon.monitoring.endpoint import Endpoint, OnBug, Page
from daemon.monitoring.metrics import CONTENT_TYPE, Metrics, State
from daemon.wording import json_text


class Monitor:
    """Serves metrics and health at the address of the configuration in force, or nowhere.

    `/metrics` is Prometheus's text format, `/healthz` whether somebody has to look after this
    daemon and why, `/readyz` whether a configuration is in force (`is_ready`), `/livez` whether a
    restart would mend something.
    """

    def __init__(
        self,
        metrics: Metrics,
        state: Callable[[], State],
        problems: Callable[[], Sequence[str]],
        stalls: Callable[[], Sequence[str]],
        on_bug: OnBug,
    ) -> None:
        """Ask for *state*, *problems*, *stalls* when somebody asks for them; serve nowhere yet.

        *on_bug* is told, on another thread, of what could not be answered.
        """
        metrics.observe(state)
        self.is_ready = False
        self._pages = {
            "/metrics": lambda: Page(HTTPStatus.OK, metrics.render(), CONTENT_TYPE),
            "/healthz": lambda: _verdict(problems()),
            "/readyz": lambda: _verdict([] if self.is_ready else ["starting or stopping"]),
            "/livez": lambda: _verdict(stalls()),
        }
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
        self._endpoint = Endpoint(address, self._pages, self._on_bug) if address else None
        self._address = address
        if former:
            former.close()

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
