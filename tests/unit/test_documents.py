"""JSON within bounds, and with each oddity where it is."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import documents
from daemon.documents import MOST_VALUES, ODD, BoundError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
)

Read = Callable[[bytes], object]
READERS: list[Read] = [documents.read_json, lambda body: list(documents.items(body))]


@pytest.mark.parametrize("read", READERS, ids=["document", "list"])
@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "9" * 5000,
        "-" + "9" * 5000,
        "1." + "9" * 5000,
        '{"a":1,"a":2}',
    ],
)
def test_what_is_no_json_is_odd_alone(read: Read, value: str) -> None:
    """A value that JSON does not have spoils what it stands in and nothing else."""
    assert read(f"[1, {value}, [{value}], 2]".encode()) == [1, ODD, [ODD], 2]


@pytest.mark.parametrize("read", READERS, ids=["document", "list"])
@pytest.mark.parametrize(
    "body",
    [
        b'[{"":0}' + b',{"":0}' * (MOST_VALUES // 2) + b"]",
        b"[" + b"[]," * (MOST_VALUES // 2) + b"[]]",
        b"[0" + b",0" * MOST_VALUES + b"]",
        b'{"":[0' + b",0" * MOST_VALUES + b"]}",
        b"," * MOST_VALUES,
    ],
    ids=["objects", "lists", "numbers", "within an object", "nothing but commas"],
)
def test_more_values_than_the_bound_are_not_parsed(read: Read, body: bytes) -> None:
    """The values are counted before any of them is made, however they are arranged."""
    with pytest.raises(BoundError, match="500,000 values"):
        read(body)


def test_values_within_the_bound_are_read() -> None:
    """One less than the bound is a document."""
    assert len(list(documents.items(b"[0" + b",0" * (MOST_VALUES - 2) + b"]"))) == MOST_VALUES - 1


@pytest.mark.parametrize("read", READERS, ids=["document", "list"])
@pytest.mark.parametrize("opening", [b"[", b'{"":', b'[{"":'])
def test_deep_nesting_is_refused(read: Read, opening: bytes) -> None:
    """What is nested deeper than the parser goes is a ValueError, and no end of the process."""
    with pytest.raises(ValueError, match="the answer is"):
        read(b"[" + opening * 100_000)


@given(st.lists(JSON, max_size=5), st.sampled_from([None, 1]))
def test_a_list_reads_like_its_document(values: list[object], indent: int | None) -> None:
    """Item by item or as a whole, with blanks or without, the same comes out."""
    body = json.dumps(values, indent=indent).encode()

    assert list(documents.items(body)) == documents.read_json(body) == values


@given(st.text(max_size=8))
def test_a_text_is_as_it_was_meant(value: str) -> None:
    """UTF-8 within a list comes out as it went in, unless it cannot be written in it."""
    try:
        body = json.dumps([value], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return

    assert [documents.text(str(item)) for item in documents.items(body)] == [value]


@given(st.binary(max_size=40))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    """Any bytes are a document or a ValueError."""
    for read in READERS:
        try:
            read(body)
        except ValueError:
            continue
