"""Requests to one cluster under one identity: each is prepared once, and sent by our adapter."""

from __future__ import annotations

import ssl
from datetime import datetime

import requests
from requests.auth import HTTPBasicAuth

from daemon import __version__
from daemon.service.adapter import Adapter, Answer, Written
from daemon.service.cluster import Timeouts

HEADERS = {
    "User-Agent": f"cbmaintd/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}


class Transport:
    """The connections to one cluster, and what every request to it has."""

    def __init__(
        self, *, tls: ssl.SSLContext, auth: tuple[bytes, bytes] | None, timeouts: Timeouts
    ) -> None:
        """Send as *auth*, a user and a password; bytes, or `requests` would encode as Latin-1."""
        self._adapter = Adapter(tls, timeouts)
        self._auth = None if auth is None else HTTPBasicAuth(*auth)
        self._written: dict[tuple[str, str], Written] = {}

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first of the certificates ends that servers showed at their last connection."""
        return self._adapter.certificate_ends

    async def exchange(self, method: str, root: str, path: str, *, limit: int) -> Answer:
        """Send one request to *root* + *path* and receive at most *limit* bytes of an answer.

        A POST carries `{}`: pause and resume take it or nothing, backup insists on it.
        Raises: WireError.
        """
        return await self._adapter.send(self._request(method, root), limit=limit, below=path)

    async def warm(self, root: str, count: int) -> None:
        """Have up to *count* connections to *root* ready, and what each request has."""
        for method in ("GET", "POST"):
            self._request(method, root)
        await self._adapter.warm(root, count)

    def close(self) -> None:
        """Cut off what is under way and close all connections."""
        self._adapter.close()

    def _request(self, method: str, root: str) -> Written:
        written = self._written.get((method, root))
        if written is None:
            written = self._written[method, root] = Written.of(self._prepare(method, root))
        return written

    def _prepare(self, method: str, root: str) -> requests.PreparedRequest:
        headers, body = dict(HEADERS), None
        if method == "POST":
            headers["Content-Type"], body = "application/json", b"{}"
        prepared = _WithoutCookies()
        prepared.prepare(method, root, headers, data=body, auth=self._auth)
        return prepared


class _WithoutCookies(requests.PreparedRequest):
    """A request that sends no cookies: to look for some takes as long as all the rest."""

    def prepare_cookies(self, cookies: object) -> None:
        """Leave them out."""
