"""Trust and identity of TLS connections, and readable messages for their failures."""

from __future__ import annotations

import ssl
from functools import cache

from daemon.errors import TlsFileError
from daemon.service.cluster import Tls


def tls_context(tls: Tls, *, is_used: bool = True) -> ssl.SSLContext:
    """Build the trust and identity of one cluster from its files; TLS 1.2 is the least accepted.

    `ca_file` replaces the system's authorities; where TLS is not used, nobody is trusted. Raises:
    TlsFileError.
    """
    if tls.ca_file is None and tls.client_cert is None:
        return _without_files(tls.verify) if is_used else _trusting_nobody()
    return _built(tls)


@cache
def _trusting_nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _without_files(verify: bool) -> ssl.SSLContext:
    """Return what all clusters share: reading the system's authorities takes 20 ms and 1 MiB."""
    return _built(Tls(verify=verify))


def _built(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_authorities(context, tls)
    _load_identity(context, tls)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_authorities(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.ca_file is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=tls.ca_file)
    except OSError as exc:  # includes ssl.SSLError
        raise TlsFileError(f"{tls.ca_file}: not a usable CA file in PEM: {reason(exc)}") from exc


def _load_identity(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.client_cert is None:
        return
    try:
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(tls.client_cert, tls.client_key, password="")
    except OSError as exc:
        raise TlsFileError(
            f"{tls.client_cert}: not a usable client certificate with an unencrypted key in PEM: "
            f"{reason(exc)}"
        ) from exc


def reason(exc: OSError) -> str:
    """Return in a few words why TLS, or the system, refused; empty if it gave no reason."""
    match exc:
        case ssl.SSLCertVerificationError():
            return exc.verify_message
        case ssl.SSLError():
            return _in_words(getattr(exc, "reason", None) or "TLS failed")
        case _:
            return exc.strerror or ""


def _in_words(name: str) -> str:
    """Return OpenSSL's name of a fault in words, and whether it is the server that reports it."""
    _, is_alert, alert = name.partition("_ALERT_")
    words = (alert or name).replace("_", " ").lower()
    if name == "WRONG_VERSION_NUMBER":
        # What OpenSSL makes of an answer in plain text.
        words = "this port does not speak TLS (18097 and 18091 do)"
    return f"the server refuses us: {words}" if is_alert else words
