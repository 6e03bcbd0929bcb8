"""Whom TLS trusts, before anything is sent."""

from __future__ import annotations

import ssl

import pytest

from daemon.service.cluster import ClusterSettings, Tls
from daemon.service.tls import tls_context


def test_without_tls_no_authorities_are_read() -> None:
    """For clusters without https the system's authorities, which take long to read, stay unread.

    Should TLS be spoken all the same, it would trust nobody.
    """
    context = tls_context(Tls(), is_used=False)

    assert context.cert_store_stats()["x509"] == 0
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("roots", "speaks_tls"),
    [
        ({"urls": ("http://a", "https://b")}, True),
        ({"discover": ("https://a",)}, True),
        ({"urls": ("http://a",)}, False),
        ({"discover": ("http://https:1",)}, False),
    ],
)
def test_a_scheme_says_whether_tls_is_spoken(
    roots: dict[str, tuple[str, ...]], speaks_tls: bool
) -> None:
    """One https root is enough, be it of the service or of the cluster manager."""
    urls, discover = roots.get("urls", ()), roots.get("discover", ())

    assert ClusterSettings("a", urls, discover).speaks_tls is speaks_tls
