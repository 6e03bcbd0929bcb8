"""A password that is looked for in whatever the daemon leaves behind, in every form it may take."""

from __future__ import annotations

import base64
import json
import secrets
from urllib.parse import quote, quote_plus


def canary() -> str:
    """Make a password that nobody else has, and that each form writes differently."""
    return f"c@nary/é+ {secrets.token_hex(8)}"


def forms_of(password: str, user: str) -> tuple[bytes, ...]:
    """Return all ways in which *password* may have been written down."""
    plain = password.encode()
    pair = f"{user}:{password}".encode()
    quoted = {quote(password), quote(password, safe=""), quote_plus(password)}
    texts = quoted | {text.lower() for text in quoted} | {json.dumps(password)[1:-1]}
    texts |= {repr(password)[1:-1], repr(plain)[2:-1]}
    coded = {form for each in _aligned(plain) | {pair} for form in _base64(each)}
    return (plain, *sorted(text.encode() for text in texts), *sorted(coded))


def _aligned(plain: bytes) -> set[bytes]:
    """Return the parts of which base64 looks the same wherever the whole stands in a text."""
    return {plain[skipped : skipped + (len(plain) - skipped) // 3 * 3] for skipped in range(3)}


def _base64(data: bytes) -> set[bytes]:
    whole = data[: len(data) // 3 * 3]
    return {base64.b64encode(whole), base64.urlsafe_b64encode(whole)}


def found_in(content: bytes, password: str, user: str) -> bool:
    """Check whether *content* has the password in any form."""
    return any(form in content for form in forms_of(password, user))
