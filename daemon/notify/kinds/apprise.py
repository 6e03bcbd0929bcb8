"""`apprise`: mail, chat, pagers and a hundred services more, by a library that is an extra."""

from __future__ import annotations

import logging
from types import MappingProxyType, ModuleType
from typing import Final
from urllib.parse import SplitResult

from daemon.notify.messages import Batch, DeliveryError, Post, Undelivered
from daemon.notify.targets import Kind


class _Apprise(Kind):
    key = "apprise"
    description = "A URL of the apprise library (an extra): mail, chat, pagers."
    example = MappingProxyType({"file": "mail.url"})
    refused = MappingProxyType(
        {
            "headers": "the apprise library writes its own: it takes some as part of its URL",
            "proxy": "the apprise library takes its proxy from the environment: set HTTPS_PROXY",
        }
    )
    is_for_people = True

    def send(self, batch: Batch, post: Post) -> None:  # noqa: ARG002  # the library sends
        """Send a line for each notice, by the library."""
        try:
            is_sent = _send(batch.url, batch.title, "\n".join(batch.lines()))
        except ValueError as exc:
            raise DeliveryError(Undelivered.APPRISE, str(exc), is_passing=False) from None
        if not is_sent:
            said = "the apprise library could not deliver it, and does not say why"
            raise DeliveryError(Undelivered.APPRISE, said, is_passing=True)

    def check_form(self, url: SplitResult, *, has_host: bool) -> None:  # noqa: ARG002  # or none
        """Check that it has a scheme, which names a service. Raises ValueError."""
        if not url.scheme:
            raise ValueError("it has no URL of the apprise library, as mailto://…")

    def check_url(self, url: str) -> None:
        """Check that the library is there and knows what *url* means.

        Raises:
            ValueError: the library is not installed, or cannot use the URL, which is not quoted.

        """
        if not _library().Apprise().add(url):
            raise ValueError("the apprise library cannot use the URL in it")


APPRISE: Final = _Apprise()


def _send(url: str, title: str, text: str) -> bool:
    """Send *text*; return whether it was delivered. Raises ValueError."""
    apprise = _library()
    client = apprise.Apprise()
    if not client.add(url):
        raise ValueError("the apprise library cannot use the URL")
    return bool(client.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))


def _library() -> ModuleType:
    try:
        import apprise  # noqa: PLC0415  # an extra, and used by few files
    except ModuleNotFoundError:
        raise ValueError(
            "the apprise library is not installed: install cbmaintd[apprise], or use webhook, slack"
            " or ping_url"
        ) from None
    # What it logs may quote the URL, and would stand on stderr beside our lines.
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.disabled = True
    return apprise
