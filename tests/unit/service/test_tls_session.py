"""The client's side of TLS: how the end of a session is told from the end of a connection."""

from __future__ import annotations

import ssl
from contextlib import suppress

import pytest
import trustme

from daemon.service.tls_session import TlsSession


def established() -> tuple[TlsSession, ssl.SSLObject, ssl.MemoryBIO]:
    """Return a session, its server's side, and what that one says."""
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(ours)
    authority.issue_cert("localhost").configure_cert(theirs)
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    session, server = TlsSession(ours, "localhost"), theirs.wrap_bio(heard, said, server_side=True)
    for _ in range(3):
        session.handshake()
        heard.write(session.to_send())
        with suppress(ssl.SSLWantReadError):
            server.do_handshake()
        session.received(said.read())
    return session, server, said


def test_a_session_that_was_ended_soundly_has_no_more_pieces() -> None:
    """The server's farewell is no empty piece: whoever reads piece by piece would never end."""
    session, server, said = established()
    server.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        server.unwrap()
    session.received(said.read())

    assert session.read() == b"last"
    with pytest.raises(ssl.SSLZeroReturnError):
        session.read()


def test_after_the_end_nothing_may_come() -> None:
    """A connection that ends without a farewell is one that was cut off, not bad TLS."""
    session, _, _ = established()
    session.ended()
    session.received(b"")

    with pytest.raises(ssl.SSLEOFError):
        session.read()
