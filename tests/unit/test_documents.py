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


@pytest.mark.parametrize("size", [1, 4000, 4096, 5000, documents.LARGEST_ITEM - 60])
@pytest.mark.parametrize("filler", ["x", "\\\\", "\\u00e9", "é", '","', "9"])
def test_an_item_may_have_any_size_up_to_the_bound(size: int, filler: str) -> None:
    """Wherever the reader has its seams, an item is what it was."""
    count = max(size // len(filler.encode()) // 2, 1)
    value = f'{{"a":["{filler * count}"],"b":{"9" * min(size, 39)},"c":[true,null,1.5]}}'
    body = f"[{value},{value}]".encode()

    found = list(documents.items(body))

    assert len(found) == 2
    assert found[0] == found[1] == json.loads(value.encode().decode("latin-1"))


@pytest.mark.parametrize("opening", ['{"a":"', '{"a":["', '{"a":1.'])
def test_an_item_has_a_bound(opening: str) -> None:
    """An item over 1 MiB is not worked on, whatever it has in it."""
    body = f"[1,{opening}{'1' * documents.LARGEST_ITEM}".encode()

    with pytest.raises(BoundError, match="larger than 1,048,576 bytes"):
        list(documents.items(body))


@pytest.mark.parametrize("wrong", ['{"a":nul}', '{"a" 1}', "{a:1}", '{"a":"\\x"}', "?"])
def test_a_fault_within_a_long_list_is_one(wrong: str) -> None:
    """What is no JSON is called so, and not too large, however much follows it."""
    body = f"[1,{wrong},{'1,' * 200_000}1]".encode()

    with pytest.raises(ValueError, match="is not JSON"):
        list(documents.items(body))


def test_a_list_is_not_kept_twice() -> None:
    """What came is let go of once it is text, and read all the same."""
    body = bytearray(b"[1, 2]")

    found = list(documents.items(body))

    assert (found, body) == ([1, 2], bytearray())


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
