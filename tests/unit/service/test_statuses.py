"""What statuses, Retry-After and messages of answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.core.attempt import MESSAGE_LIMIT, CallError
from daemon.service import statuses

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (101, CallError.UNEXPECTED),
        (204, CallError.UNEXPECTED),
        (304, CallError.REDIRECT),
        (307, CallError.REDIRECT),
        (400, CallError.BAD_REQUEST),
        (401, CallError.UNAUTHORIZED),
        (403, CallError.FORBIDDEN),
        (404, CallError.NOT_FOUND),
        (408, CallError.TIMEOUT),
        (418, CallError.BAD_REQUEST),
        (425, CallError.THROTTLED),
        (429, CallError.THROTTLED),
        (500, CallError.SERVER_ERROR),
        (599, CallError.SERVER_ERROR),
        (600, CallError.UNEXPECTED),
    ],
)
def test_every_status_has_its_error(status: int, error: CallError | None) -> None:
    """A status that is not 200 is named by the word that the log uses for it."""
    assert statuses.error_of(status) is error


def test_what_passes_is_the_contracts_list() -> None:
    """Exactly these statuses are worth another attempt of the same pass."""
    passing = [status for status in range(100, 1000) if statuses.is_passing(status)]

    assert passing == [408, 425, 429, 500, 502, 503, 504]


@pytest.mark.parametrize("status", [202, 204, 408, 500, 501, 503, 504])
def test_a_gateways_trouble_leaves_the_fate_open(status: int) -> None:
    """A timeout, a 5xx or a success that is no 200 does not say whether the service acted."""
    assert not statuses.is_definite(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 425, 429])
def test_a_refusal_is_definite(status: int) -> None:
    """A refusal says that the service did not act."""
    assert statuses.is_definite(status)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("120", timedelta(seconds=120)),
        (" 5 ", timedelta(seconds=5)),
        ("0", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("1" * 5000, None),
        ("9" * 20, timedelta(seconds=999_999_999)),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 +99999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", NEVER - NOW + timedelta(hours=23, minutes=59)),
        ("Fri, 31 Dec 0001 00:00:00 +2359", None),
        ("Mon, 23 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 13:01:00 +0100", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 12:01:00 -0000", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 11:59:00 GMT", None),
        ("tomorrow", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: timedelta | None) -> None:
    """Retry-After is read in both of its forms; what is past or nonsense counts as absent."""
    assert statuses.retry_after(value, NOW) == expected


TOKENS = st.sampled_from(
    [
        "Mon",
        ",",
        " ",
        "31",
        "Dec",
        "2026",
        "23",
        ":",
        "59",
        "GMT",
        "UTC",
        "+",
        "-",
        "0100",
        ".",
        "T",
    ]
) | st.integers(0, 25).map(lambda length: "9" * length)
"""What dates are made of, with numbers of any length in the place of each."""


@given(st.text() | st.lists(TOKENS, max_size=16).map("".join))
@example("Fri, 31 Dec 99999999999999999999 23:59:59 GMT")
def test_retry_after_is_never_negative(value: str) -> None:
    """No text makes a wait of nothing or less, nor an error."""
    delay = statuses.retry_after(value, NOW)

    assert delay is None or delay > timedelta(0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b"Authentication Failure.\n", "Authentication Failure."),
        (b'{"status":404,"msg":"no such","extras":""}', "no such"),
        (b'{"status":400,"msg":"bad","extras":"EOF"}', "bad (EOF)"),
        (b'{"message":"Forbidden","permissions":["a","b"]}', "Forbidden (a, b)"),
        (b'{"msg":7}', ""),
        (b'["x"]', '["x"]'),
        (b"\xff!", r"\xff!"),
    ],
)
def test_a_message_is_found_in_every_shape(body: bytes, expected: str) -> None:
    """The service, its login layer and the proxy word errors differently; all are understood."""
    assert statuses.message_of(body) == expected


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://u:secret@sso.example.org:8443/in?token=x", "https://sso.example.org:8443"),
        ("/login?token=x", "another path"),
        ("http://[", "a place that is not a URL"),
        ("http://a:99999/", "a place that is not a URL"),
    ],
)
def test_a_redirect_is_named_by_its_host_alone(location: str, place: str) -> None:
    """Of a redirect's target only scheme, host and port are told: the rest may be secret."""
    assert statuses.message_of(b"", location) == f"redirects to {place}, which is not followed"


@given(st.text())
def test_printable_text_is_short_and_harmless(text: str) -> None:
    """Whatever a server says becomes one line of 200 characters that no terminal obeys."""
    shown = statuses.printable(text)

    assert len(shown) <= MESSAGE_LIMIT
    assert shown.isprintable()
