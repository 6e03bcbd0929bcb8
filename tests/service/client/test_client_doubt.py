"""A service that cannot find out who asks, or that does not want to know any more."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from daemon.core.attempt import CallError, Outcome
from daemon.service.cluster import Timeouts
from tests.evil.server import answer
from tests.service.client.kit import OK, Connect, Serve, basic, server_context, trusting

DOUBTS = [
    b'{"status":500,"msg":"Could not authenticate user","extras":"dial tcp: i/o timeout"}',
    b'{"status":500,"msg":"Could not authorize user","extras":"unexpected status 503"}',
]


@pytest.mark.parametrize("body", DOUBTS)
def test_files_are_read_again_after_a_500_about_identity(
    serve: Serve, connect: Connect, password_file: Path, body: bytes
) -> None:
    """A 500 that says that we could not be authenticated has the files read again, as a 401 has."""
    server = serve(OK, answer(500, body), OK)
    client = connect(server.url, attempts=5, username="u", password_file=password_file)
    client.pause()
    password_file.write_text("neu", encoding="utf-8")

    client.pause()

    assert server.seen[-1].headers["authorization"] == basic("u", "neu")
    assert client.outcomes == [Outcome.OK, Outcome.RETRY, Outcome.OK]
    assert client.waits == [timedelta(0)]


@pytest.mark.parametrize("body", DOUBTS)
def test_a_500_about_identity_passes(
    serve: Serve, connect: Connect, password_file: Path, body: bytes
) -> None:
    """With the same files it is tried again as after any 5xx, with a growing distance."""
    server = serve(answer(500, body), answer(500, body), OK)
    client = connect(server.url, attempts=5, username="u", password_file=password_file)

    client.pause()

    assert client.outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.OK]
    assert client.waits == [timedelta(seconds=1), timedelta(seconds=2)]
    assert client.errors[:2] == [CallError.SERVER_ERROR] * 2


def test_the_advice_after_a_500_about_identity(serve: Serve, connect: Connect) -> None:
    """Who gets no further is told of the client certificate; after another 500 nobody is."""
    doubtful = connect(serve(answer(500, DOUBTS[0])).url).failure()
    other = connect(serve(answer(500, b'{"status":500,"msg":"could not send task"}')).url).failure()

    assert "client certificate" in str(doubtful)
    assert "client_cert" in str(doubtful)
    assert doubtful.retryable
    assert "certificate" not in str(other)


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_list_is_no_list(serve: Serve, connect: Connect, body: bytes) -> None:
    """A 200 with nothing in it is unexpected: it does not say that there are no repositories."""
    client = connect(serve(answer(200, body)).url)

    with pytest.raises(Exception, match="unexpected"):
        client.service.repositories()

    assert client.errors == [CallError.UNEXPECTED]


def revoking(authority: trustme.CA, revoked: trustme.LeafCert) -> bytes:
    """Return a list of revoked certificates that has this one, in PEM."""
    signer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    leaf = x509.load_pem_x509_certificate(revoked.cert_chain_pems[0].bytes())
    entry = x509.RevokedCertificateBuilder(leaf.serial_number, now - timedelta(days=1)).build()
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.subject)
        .last_update(now - timedelta(days=1))
        .next_update(now + timedelta(days=1))
        .add_revoked_certificate(entry)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def keep(certificate: trustme.LeafCert, folder: Path) -> tuple[Path, Path]:
    """Write a client's certificate and key."""
    chain, key = folder / "client.pem", folder / "key.pem"
    key.touch(mode=0o600)
    certificate.private_key_pem.write_to_path(str(key))
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    return chain, key


def test_a_revoked_certificate_is_refused_by_an_alert(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """A revoked client certificate is a TLS failure; one in its place is used at once."""
    old, new = (authority.issue_cert(f"{name}@example.org") for name in ("old", "new"))
    revoked = tmp_path / "revoked.pem"
    revoked.write_bytes(revoking(authority, old))
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    authority.configure_trust(context)
    context.load_verify_locations(revoked)
    server = serve(OK, tls=context)
    chain, key = keep(old, tmp_path)
    tls = trusting(authority, tmp_path, client_cert=chain, client_key=key)
    client = connect(server.url, tls=tls, timeout=Timeouts())

    failure = client.failure()
    keep(new, tmp_path)
    client.pause()

    assert failure.error is CallError.TLS
    assert "client_cert" in str(failure)
    assert "revoked" in failure.message
    assert client.outcomes == [Outcome.FAILED, Outcome.RETRY, Outcome.OK]


def test_a_revoked_certificate_may_be_a_401(
    serve: Serve, connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """Where the service refuses it after the handshake, the files are read again as well."""
    context = server_context(authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)
    refused = answer(401, b"Authentication Failure.\n", Content_Type="text/plain")
    server = serve(OK, refused, refused, OK, tls=context)
    chain, key = keep(authority.issue_cert("old@example.org"), tmp_path)
    tls = trusting(authority, tmp_path, client_cert=chain, client_key=key)
    client = connect(server.url, tls=tls, timeout=Timeouts())
    client.pause()

    failure = client.failure()
    keep(authority.issue_cert("new@example.org"), tmp_path)
    client.pause()

    assert failure.error is CallError.UNAUTHORIZED
    assert "client_cert" in str(failure)
    assert client.outcomes == [Outcome.OK, Outcome.FAILED, Outcome.RETRY, Outcome.OK]
    assert client.waits == [timedelta(0)]
