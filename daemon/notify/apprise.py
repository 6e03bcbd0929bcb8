"""Mail, chat, pagers and a hundred services more, by the `apprise` library, which is an extra."""

from __future__ import annotations

import logging
from types import ModuleType


def check_apprise(url: str) -> None:
    """Check that the library is there and knows what *url* means.

    Raises:
        ValueError: the library is not installed, or cannot use the URL, which is not quoted.

    """
    if not _library().Apprise().add(url):
        raise ValueError("the apprise library cannot use the URL in it")


def send_by_apprise(url: str, title: str, text: str) -> bool:
    """Send *text*; return whether it was delivered. Raises as `check_apprise`."""
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
