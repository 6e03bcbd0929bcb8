"""The search for leaked passwords finds them, in whatever form they were written down."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests.evil.canary import canary, found_in

FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "JSON": lambda p: json.dumps({"password": p}).encode(),
    "JSON in UTF-8": lambda p: json.dumps([p], ensure_ascii=False).encode(),
    "repr of text": lambda p: repr([p]).encode(),
    "repr of bytes": lambda p: repr(p.encode()).encode(),
    "quoted": lambda p: quote(p).encode(),
    "quoted whole": lambda p: quote(p, safe="").encode(),
    "quoted in lower case": lambda p: quote(p, safe="").lower().encode(),
    "form": lambda p: urlencode({"password": p}).encode(),
    "quoted plus": lambda p: quote_plus(p).encode(),
    "Basic": lambda p: b"Basic " + base64.b64encode(f"admin:{p}".encode()),
    "base64": lambda p: base64.b64encode(p.encode()),
    "base64 after one": lambda p: base64.b64encode(b"x" + p.encode()),
    "base64 after two": lambda p: base64.b64encode(b"xy" + p.encode() + b"z"),
    "base64 for URLs": lambda p: base64.urlsafe_b64encode(p.encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_leak_is_found(form: str) -> None:
    """A password in the midst of other text is found in this form."""
    password = canary()

    assert found_in(b"before " + FORMS[form](password) + b" after", password, "admin")


def test_another_password_is_none() -> None:
    """Text without the password is no leak, though it has one of the same kind."""
    content = b" ".join(write(canary()) for write in FORMS.values())

    assert not found_in(content, canary(), "admin")
