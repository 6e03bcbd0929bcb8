"""The text of the file as a tree: what YAML means here, and what it must not do."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.document import DEPTH_LIMIT, SIZE_LIMIT, read
from daemon.config.tree import MappingNode, Node, Scalar, SequenceNode, dotted


def values(node: Node | None) -> Any:
    """Return a tree as Python's own values."""
    match node:
        case MappingNode(entries=entries):
            return {key: values(entry.value) for key, entry in entries.items()}
        case SequenceNode(items=items):
            return [values(item) for item in items]
        case Scalar(value=value):
            return value
        case _:
            return ...


def faults(content: str | bytes) -> list[str]:
    """Return the faults of a text as a user sees them."""
    raw = content if isinstance(content, bytes) else content.encode()
    return [fault.render("f") for fault in read(raw).faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("02:00", "02:00"),
        ("22:00", "22:00"),
        ("8:00", "8:00"),
        ("2026-03-28", "2026-03-28"),
        ("2026-03-28T02:00:00Z", "2026-03-28T02:00:00Z"),
        ("2026-02-30", "2026-02-30"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("off", "off"),
        ("0x10", "0x10"),
        ("0o10", "0o10"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("123e4567x", "123e4567x"),
        ("9" * 1000, "9" * 1000),
        ("'1'", "1"),
        ('"true"', "true"),
        ("|\n  1\n", "1\n"),
        ("1", 1),
        ("-31", -31),
        ("+5", 5),
        ("0", 0),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_plain_texts_mean_what_yaml_12_says(text: str, value: object) -> None:
    """Only true, false, null and decimal numbers are anything but text."""
    found = values(read(f"key: {text}".encode()).root)["key"]

    assert found == value
    assert type(found) is type(value)


def test_every_key_and_value_knows_its_place() -> None:
    """Lines and columns count from 1, in characters, and a byte order mark is no character."""
    document = read("\ufeffä: [1, ö]\nb:\n  - {c: d}\n".encode())

    root = document.root
    assert isinstance(root, MappingNode)
    first, second = root.entries["ä"], root.entries["b"]
    assert isinstance(first.value, SequenceNode)
    assert isinstance(second.value, SequenceNode)
    inner = second.value.items[0]
    assert isinstance(inner, MappingNode)
    assert (first.key.line, first.key.column) == (1, 1)
    assert [(item.line, item.column) for item in first.value.items] == [(1, 5), (1, 8)]
    assert (inner.entries["c"].value.line, inner.entries["c"].value.column) == (3, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "f:3:1: a: the key is already in line 1"),
        ("a: {b: 1, b: 2}", "f:1:11: a.b: the key is already in line 1"),
        ("a: &x 1", "f:1:4: a: an anchor (&x) is not allowed"),
        ("a: *x", "f:1:4: a: an alias is not allowed"),
        (
            "a: [y, *-prod]",
            'f:1:8: a[1]: an alias is not allowed: write the value out; quote a glob: "*-prod"',
        ),
        ("a: {<<: {b: 1}}", "f:1:5: a: a merge key (<<) is not allowed"),
        ("a: !!python/object:os.system x", "f:1:4: a: a tag ("),
        ("a: !!timestamp '2026-12-27'", "a tag (!!timestamp) is not allowed: delete it"),
        ("a: [!tenant-demo]", 'quote a pattern that takes away: "!tenant-demo"'),
        ("a: ! x", "f:1:4: a: a tag (!) is not allowed"),
        ("a: {b: [c, !tenant-demo]}", '(quote a pattern that takes away: "!tenant-demo")'),
        ("a: {b: !tenant-*}", '(quote a pattern that takes away: "!tenant-demo")'),
        ("a: !tenant{a}", '(quote a pattern that takes away: "!tenant-demo")'),
        ("a: [!ü]", '(quote a pattern that takes away: "!tenant-demo")'),
        ("a: [!a!b]", '(quote a pattern that takes away: "!tenant-demo")'),
        ("a: [!%zz]", '(quote a pattern that takes away: "!tenant-demo")'),
        ("a: {!b: c}", 'quote a pattern that takes away: "!b"'),
        ("a: {*: [b]}", 'a glob that begins with * must be quoted: "*"'),
        ("a: */5 * * * *", 'a glob that begins with * must be quoted: "*"'),
        ("1: x", "f:1:1: the key 1 is not a text: quote it"),
        ("true: x", "f:1:1: the key true is not a text: quote it"),
        ("?\n: x", "a key is missing before the colon"),
        ("? [a]\n: x", "f:1:3: a key must be a text, not a list or mapping"),
        ("a: 1\n---\nb: 2", "f:2:1: a second document begins here"),
        ("a: b\n\tc: d", "indent with spaces, not with tabs"),
        ("a: [*]", 'a glob that begins with * must be quoted: "*"'),
        ("a: b: c", "f:1:5: not valid YAML: mapping values are not allowed here"),
        ("a:\n  start:02:00\n  b: 3h", "(put a space after the colon of the key above, or quote"),
        ("a:\n  b: c\n  d:15m", "(put a space after the colon of a key)"),
        ("a: [1", "f:1:6: not valid YAML"),
        ("a: @x", "quote a text that begins with @"),
        ('a: "\\x1b[31m"', "f:1:4: a: the character U+001B is not allowed"),
        ('a: "\\ud800"', "the character U+D800 is not allowed"),
        ('a: "\\UFFFFFFFF"', "f:1:7: not valid YAML: a number or an escape is out of range"),
        (f"%YAML 1.{'9' * 5000}\n--- a", "not valid YAML: a number or an escape is out of range"),
        ("a: x\x07", "f:1:5: the character U+0007 is not allowed"),
        ("# \u2028\na: x", "f:1:3: the character U+2028 is not allowed"),
        ("", "f:1:1: the file is empty"),
        ("# nothing\n---\n", "f:1:1: the file is empty"),
        ("~", "f:1:1: the file is empty"),
    ],
)
def test_what_yaml_should_not_do_is_refused(text: str, expected: str) -> None:
    """Each of YAML's traps is a fault with its place, its path and what to do."""
    found = faults(text)

    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: b".encode("utf-16"), "f:1:1: the file is UTF-16 or UTF-32: save it as UTF-8"),
        ("a: b".encode("utf-16-be"), "f:1:1: the file is UTF-16 or UTF-32: save it as UTF-8"),
        ("a: b".encode("utf-32"), "f:1:1: the file is UTF-16 or UTF-32: save it as UTF-8"),
        ("a: b\n# ä é".encode("latin-1"), "f:2:3: byte 0xe4 is not UTF-8: save the file as UTF-8"),
        (b"a: " + b"x" * SIZE_LIMIT, "f:1:1: the file is larger than 4 MiB"),
    ],
)
def test_only_utf_8_of_a_sane_size_is_read(content: bytes, expected: str) -> None:
    """Another encoding or too large a file is refused before anything else is looked at."""
    assert faults(content) == [expected]


def test_independent_faults_are_found_together() -> None:
    """One pass tells all faults that leave a tree, and the tree is there to be looked at."""
    document = read(b"a: &x 1\na: 2\nb: *x\n1: c\nd: !t e\nf: g\n")

    assert [fault.line for fault in document.faults] == [1, 2, 3, 4, 5]
    assert values(document.root) == {"a": 1, "b": ..., "1": "c", "d": "e", "f": "g"}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_quickly(opening: str) -> None:
    """A hundred thousand brackets are one fault, in far less than a second."""
    started = time.perf_counter()

    (fault,) = faults(opening * 100_000)

    assert f"nested deeper than {DEPTH_LIMIT} levels" in fault
    assert time.perf_counter() - started < 2


def test_twenty_levels_are_enough_for_everybody() -> None:
    """The limit itself is allowed, one level more is not."""
    assert not faults("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT)
    assert faults("[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1))


def test_an_alias_bomb_does_not_go_off() -> None:
    """Nothing is expanded: each anchor and alias is a fault, and that is all."""
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    assert len(faults("a0: &a0 x\n" + "\n".join(lines))) == 1 + 8 * 10


def test_paths_read_as_people_write_them() -> None:
    """Steps are joined by dots, items stand in brackets, odd keys in quotes."""
    path = ("windows", "night.ly", "repositories", "env=prod", 0)

    assert dotted(path) == 'windows."night.ly".repositories."env=prod"[0]'


@given(st.binary(max_size=400))
def test_no_bytes_bring_it_down(content: bytes) -> None:
    """Whatever the bytes, there is a tree or a fault."""
    document = read(content)

    assert document.faults or document.root


@given(st.text(st.sampled_from("ab1:-[]{},&*!|>'\"%@`#?~<. \n\t\\xU0"), max_size=60))
def test_no_yaml_brings_it_down(text: str) -> None:
    """Whatever YAML's own characters make together, there is a tree or a fault."""
    document = read(text.encode())

    assert document.faults or document.root


@pytest.mark.parametrize(
    "repositories",
    [
        *("{prod: [*]}", "{prod: [a, *]}", "{prod: *}", "{prod: [*-x]}", "{prod: [*.x, a]}"),
        *("\n  prod: *", "\n  prod:\n  - *", "\n  prod: [*]", "{*: [a]}", "\n  *: [a]", "*"),
        *("{prod: [!x]}", "{prod: [a, !x]}", "{prod: [!x, a]}", "{prod: [a,!x*]}", "{prod: !x}"),
        *("\n  prod: [a, !x]", "\n  prod: [a, !x, b]", "\n  prod: !x", "\n  prod:\n  - !x-*"),
        *("\n  prod: [a,\n    !x,\n    b]", "\n  prod:\n  - a\n  - !", "{prod: [a, x?]}"),
        "{prod: [a, [ab]x]}",
    ],
)
def test_a_pattern_without_quotes_is_one_fault_that_says_so(repositories: str) -> None:
    """Wherever it stands: what YAML takes it for is nothing that anybody has to know."""
    (fault,) = faults(f"repositories: {repositories}\n")

    assert "quote" in fault
