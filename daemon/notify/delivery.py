"""One message to one target, sent once; what came of it in words that show nothing of its URL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from daemon.core.attempt import CallError
from daemon.errors import SecretError
from daemon.host.masking import Censor, spellings
from daemon.notify.messages import Batch, DeliveryError, Mask, Message, Undelivered
from daemon.notify.notices import Notice
from daemon.notify.targets import Target
from daemon.notify.urls import url_of, value_of
from daemon.service import statuses
from daemon.service.adapter import Adapter, Answer, Written
from daemon.service.cluster import Timeouts, Tls
from daemon.service.tls import tls_context
from daemon.service.transport import HEADERS
from daemon.service.wire_error import WireError

TIMEOUTS = Timeouts(timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20))
_OK = range(200, 300)
_SHORTEST_SECRET = 6
"""Parts of a URL's path that are shorter are words."""


class Delivery:
    """Sends; any number of threads may. URLs are read anew for each message."""

    def __init__(
        self,
        host: str,
        environ: Mapping[str, str],
        mask: Mask = dict,
        redact: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Send in the name of the machine *host*.

        *mask* takes known secrets out of what is sent; *redact* is told of each URL and header, as
        more of them.
        """
        self._host = host
        self._environ = environ
        self._mask = mask
        self._redact = redact
        self._secrets: dict[str, tuple[str, ...]] = {}

    def deliver(self, target: Target, notices: Sequence[Notice]) -> None:
        """Send *notices*, of which there is at least one, to *target*. Raises: DeliveryError."""
        try:
            url = url_of(target, self._environ)
        except (SecretError, ValueError) as exc:
            raise DeliveryError(Undelivered.URL, str(exc), is_passing=True) from None
        try:
            own = {each.name: value_of(each, self._environ) for each in target.headers}
        except SecretError as exc:
            raise DeliveryError(Undelivered.HEADERS, str(exc), is_passing=True) from None
        # Of `Bearer TOKEN` a server may repeat the second word alone.
        secrets = (url, *own.values(), *(value.split()[-1] for value in own.values()))
        if self._secrets.get(target.name) != secrets:
            self._secrets[target.name] = secrets
            for secret in secrets:
                self._redact(secret)
        batch = Batch(
            *(url, notices, self._host, self._mask, target.template, target.name, target.matchers)
        )
        target.kind.send(batch, lambda message: self._post(message, target, own, secrets))

    def _post(
        self, message: Message, target: Target, own: Mapping[str, str], secrets: Sequence[str]
    ) -> bytes | None:
        is_post = message.method == "POST"
        kind = {"Content-Type": message.content_type} if is_post else {}
        try:
            request = requests.Request(
                message.method, message.url, {**HEADERS, **kind, **own}, data=message.body or None
            ).prepare()
        except ValueError:
            # Its text would quote the URL, which is a secret.
            said = "the URL cannot be used"
            raise DeliveryError(CallError.BAD_REQUEST, said, is_passing=False) from None
        try:
            answer = asyncio.run(_sent(request, target.proxy, message.limit))
        except WireError as exc:
            if exc.status in _OK and message.method != "GET":
                # It was taken; what else is said is of no interest.
                return None
            raise DeliveryError(exc.error, str(exc), is_passing=True) from None
        if answer.status in _OK:
            return bytes(answer.body)
        error = statuses.error_of(answer.status) or CallError.UNEXPECTED
        said = statuses.message_of(answer.body, answer.headers.get("location"))
        raise DeliveryError(
            error,
            statuses.printable(_without(secrets, said)),
            is_passing=statuses.is_passing(answer.status),
            status=answer.status,
            retry_after=statuses.retry_after(answer.headers.get("retry-after"), datetime.now(UTC)),
        )


async def _sent(request: requests.PreparedRequest, proxy: str | None, limit: int) -> Answer:
    """Send *request* by a connection of its own: nobody else waits on this thread's loop."""
    adapter = Adapter(tls_context(Tls()), TIMEOUTS)
    try:
        return await adapter.send(Written.of(request, proxy), limit=limit)
    finally:
        adapter.close()


def _without(known: Sequence[str], text: str) -> str:
    """Take headers, and every part of a URL that may be secret, out of what a server says."""
    url, *values = known
    parts = urlsplit(url)
    secrets = {url, *values, parts.path, parts.query, parts.password or "", parts.username or ""}
    secrets.update(parts.path.split("/"), (value for _, value in parse_qsl(parts.query)))
    forms = {form for each in secrets for form in spellings(unquote(each)) | spellings(each)}
    return Censor(form for form in forms if len(form) >= _SHORTEST_SECRET)(text)
