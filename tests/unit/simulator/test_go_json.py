"""JSON as Go writes it and what it says of what is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.simulator import bodies, go_json
from daemon.simulator.go_json import GoJSONError

LOOKING = "looking for beginning of"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "EOF"),
        (b" \n", "EOF"),
        (b"{", "unexpected EOF"),
        (b'{"a":1', "unexpected EOF"),
        (b"tru", "unexpected EOF"),
        (b"{{", f"invalid character '{{' {LOOKING} object key string"),
        (b'{"a":1,}', f"invalid character '}}' {LOOKING} object key string"),
        (b"x", f"invalid character 'x' {LOOKING} value"),
        (b"[1,]", f"invalid character ']' {LOOKING} value"),
        (b"'", f"invalid character '\\'' {LOOKING} value"),
        (b"\xff", f"invalid character 'ÿ' {LOOKING} value"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
        (b"nil", "invalid character 'i' in literal null (expecting 'u')"),
        (b"-a", "invalid character 'a' in numeric literal"),
        (b"1.a", "invalid character 'a' after decimal point in numeric literal"),
        (b"1ex", "invalid character 'x' in exponent of numeric literal"),
        (b'"a\n"', "invalid character '\\n' in string literal"),
        (b'"\\x"', "invalid character 'x' in string escape code"),
        (b'"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        (b"[" * 20_000, "exceeded max depth"),
    ],
)
def test_the_words_of_the_decoder(body: bytes, error: str) -> None:
    """What is no JSON is told in the words of Go's scanner."""
    with pytest.raises(GoJSONError) as raised:
        go_json.decode(body)

    assert str(raised.value) == error


@pytest.mark.parametrize("body", [b"{} x", b"{}{}", b"null}", b'"a"b', b"01"])
def test_the_first_value_counts(body: bytes) -> None:
    """What comes after the first value is nobody's business."""
    go_json.decode(body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    """Any document comes back as it was, and Python's reader agrees."""
    written = go_json.encode(value)

    assert json.loads(written) == value
    assert json.loads(json.dumps(go_json.decode(written), default=str)) is not ...


@given(st.binary(max_size=40) | st.text('{}[]":,\\u0123etrufalsn-.E ', max_size=40).map(str.encode))
def test_anything_is_read_or_refused(body: bytes) -> None:
    """No body makes it fail in another way, and what Python's reader takes is taken."""
    try:
        go_json.decode(body)
    except GoJSONError:
        with pytest.raises((ValueError, RecursionError)):
            json.loads(body.decode(), parse_constant=_refuse)


def _refuse(_: str) -> None:
    raise ValueError


def test_halves_of_characters() -> None:
    """One in a body is no character, and one from elsewhere, a wrong byte, is said as such."""
    body = rb'{"description":"\ud83d\ude00\ud83d!","services":["\udc00"]}'
    threads = rb'{"nodes_threads_map":{"\ud800":1}}'

    assert bodies.read(body, bodies.PLAN) == {"description": "😀\ufffd!", "services": ["\ufffd"]}
    assert bodies.read(threads, bodies.THREADS) == {"nodes_threads_map": {"\ufffd": 1}}
    assert go_json.encode("\ufffd\udcff") == b'"\xef\xbf\xbd\\ufffd"'


def test_the_bytes_of_the_encoder() -> None:
    """No blanks, no newline, safe within HTML, and otherwise as it is."""
    assert go_json.encode({"a": ["<b>&", "é\u2028\x00", None, True]}) == (
        b'{"a":["\\u003cb\\u003e\\u0026","\xc3\xa9\\u2028\\u0000",null,true]}'
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[]", "array into Go value of type cbbs.Plan"),
        (b'"x"', "string into Go value of type cbbs.Plan"),
        (b'{"description":1}', "number into Go struct field Plan.description of type string"),
        (b'{"services":"a"}', "string into Go struct field Plan.services of type []string"),
        (b'{"services":[true]}', "bool into Go struct field Plan.services of type string"),
        (b'{"tasks":[0]}', "number into Go struct field Plan.tasks of type cbbs.TaskTemplate"),
        (
            b'{"tasks":[{"schedule":{"frequency":-1}}]}',
            "number -1 into Go struct field Schedule.frequency of type uint64",
        ),
        (
            b'{"tasks":[{"schedule":{"frequency":1e3}}],"name":7}',
            "number 1e3 into Go struct field Schedule.frequency of type uint64",
        ),
    ],
)
def test_the_words_for_a_wrong_type(body: bytes, error: str) -> None:
    """The first value of a wrong type is told, with its place and what it should be."""
    with pytest.raises(GoJSONError) as raised:
        bodies.read(body, bodies.PLAN)

    assert str(raised.value) == f"json: cannot unmarshal {error}"


def test_keys_are_read_as_go_reads_them() -> None:
    """The case of a key does not count, unknown ones and null are passed over."""
    body = b'{"NAME":"a","unknown":{"name":1},"description":null,"services":["data",null]}'

    assert bodies.read(body, bodies.PLAN) == {"name": "a", "services": ["data", ""]}
    assert bodies.read(b"null", bodies.PLAN) == {}
    huge = b'{"nodes_threads_map":{"a":' + b"9" * 5000 + b"}}"
    with pytest.raises(GoJSONError, match="of type int"):
        bodies.read(huge, bodies.THREADS)
