"""Whom the client trusts, and how it shows who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from daemon.core.attempt import CallError, Outcome
from daemon.service.cluster import Timeouts, Tls
from daemon.service.tls import tls_context
from daemon.service.transport import Transport
from tests.service.client.kit import (
    OK,
    Connect,
    Loop,
    Serve,
    server_context,
    trusting,
)


def test_a_trusted_server_is_served(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """A server whose certificate the given authority signed is talked to, with kept connections."""
    server = serve(OK, tls=server_context(authority))
    client = connect(server.url, tls=trusting(authority, tmp_path), timeout=Timeouts())

    client.pause()
    client.pause()

    assert server.connections == 1


@pytest.mark.parametrize("problem", ["unknown authority", "other host", "system's authorities"])
def test_an_untrusted_server_gets_nothing(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path, problem: str
) -> None:
    """A certificate that does not hold ends the call at once, and no request leaves."""
    name = "example.org" if problem == "other host" else "127.0.0.1"
    issuer = trustme.CA() if problem == "unknown authority" else authority
    tls = Tls() if problem == "system's authorities" else trusting(authority, tmp_path)
    server = serve(OK, tls=server_context(issuer, name))
    client = connect(server.url, tls=tls, attempts=3, timeout=Timeouts())

    failure = client.failure()

    assert (failure.error, failure.retryable, failure.unresolved) == (CallError.TLS, False, False)
    assert not server.seen
    assert len(client.attempts) == 1


def test_the_given_authority_is_the_only_one(
    serve: Serve, loop: Loop, authority: trustme.CA, tmp_path: Path
) -> None:
    """A CA file replaces all other authorities, also those that a library brings along."""
    server = serve(OK, tls=server_context(authority))
    context = tls_context(trusting(authority, tmp_path))
    transport = Transport(tls=context, auth=None, timeouts=Timeouts())

    async def ask() -> int:
        answered = await transport.exchange("GET", server.url, "/", limit=100)
        transport.close()
        return answered.status

    assert loop.run(ask()) == 200
    assert len(context.get_ca_certs()) == 1


def test_a_renewed_authority_is_used_at_once(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """A CA file that was replaced after the last look is read again when a server fails by it."""
    server = serve(OK, tls=server_context(authority))
    client = connect(server.url, tls=trusting(trustme.CA(), tmp_path), timeout=Timeouts())
    client.failure()
    trusting(authority, tmp_path)

    client.pause()

    assert client.outcomes == [Outcome.FAILED, Outcome.RETRY, Outcome.OK]


def test_verification_can_be_switched_off(
    serve: Serve, connect: Connect, authority: trustme.CA
) -> None:
    """With `verify: false` any certificate will do, and no library writes warnings."""
    server = serve(OK, tls=server_context(authority, "example.org"))
    client = connect(server.url, tls=Tls(verify=False), timeout=Timeouts())

    assert not client.pause()


def test_a_client_certificate_is_shown(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """A server that asks for a client's certificate gets it; without one it refuses.

    It may have gone before the request is written: what it said is heard each time.
    """
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    server = serve(OK, tls=context)
    certificate = authority.issue_cert("cbmaintd@example.org")
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    certificate.private_key_pem.write_to_path(str(key))
    chain = tmp_path / "client.pem"
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    limits = Timeouts()

    tls = trusting(authority, tmp_path, client_cert=chain, client_key=key)
    unresolved = connect(server.url, tls=tls, timeout=limits).pause()
    stranger = connect(server.url, tls=trusting(authority, tmp_path), timeout=limits)
    failures = [stranger.failure() for _ in range(50)]

    assert not unresolved
    assert {(failure.error, failure.message) for failure in failures} == {
        (CallError.TLS, f"the server refuses us: certificate required ({server.url})")
    }
    assert len(server.seen) == 1


def test_old_tls_is_refused(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """A server that speaks nothing newer than TLS 1.1 is not talked to."""
    context = server_context(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match=r"TLSv1\b"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1\b"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = serve(OK, tls=context)
    client = connect(server.url, tls=trusting(authority, tmp_path), timeout=Timeouts())

    failure = client.failure()

    assert failure.error is CallError.TLS
    assert not server.seen


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_broken_ca_file_is_named(connect: Connect, tmp_path: Path, content: str | None) -> None:
    """A CA file that is missing or no PEM fails the call by its name, before anything is sent."""
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_text(content)
    client = connect("https://127.0.0.1:1", tls=Tls(ca_file=path))

    failure = client.failure()

    assert failure.error is CallError.TLS
    assert str(path) in str(failure)
    assert not client.attempts


@pytest.mark.parametrize("kind", ["a device", "a link to a device", "too large"])
def test_what_is_no_file_is_not_read(connect: Connect, tmp_path: Path, kind: str) -> None:
    """A CA file that has become a device, or endless, is named, and not read to its end."""
    path = Path("/dev/null") if kind == "a device" else tmp_path / "ca.pem"
    if kind == "too large":
        with path.open("wb") as file:
            file.truncate(1024 * 1024 + 1)
    elif kind != "a device":
        path.symlink_to("/dev/null")
    client = connect("https://127.0.0.1:1", tls=Tls(ca_file=path))

    failure = client.failure()

    assert failure.error is CallError.TLS
    said = "is larger than" if kind == "too large" else "is not a regular file"
    assert f"{path}: {said}" in str(failure)
