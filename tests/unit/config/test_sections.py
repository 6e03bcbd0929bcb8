"""The JSON Schema of the file, and the sections that it is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from daemon.config.days.attachments import Attachments
from daemon.config.document import read
from daemon.config.fields import Section
from daemon.config.json_schema import json_schema
from daemon.config.sections import FileSection
from daemon.config.settings import parse
from tests.unit.config.test_document import values

SCHEMA: dict[str, Any] = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLE = (Path(__file__).parents[3] / "schedules.yaml").read_text()


def all_sections(section: type[Section]) -> Iterator[type[Section]]:
    """Return a section and every one below it."""
    yield section
    for inner in section.known_keys().values():
        if inner is not None:
            yield from all_sections(inner)


SECTIONS = sorted(set(all_sections(FileSection)), key=lambda section: section.__name__)


def described(section: type[Section]) -> dict[str, Any]:
    """Return what the schema says of a section."""
    found: dict[str, Any] = SCHEMA if section is FileSection else SCHEMA["$defs"][section.__name__]
    return found


def plain(text: str) -> Any:
    """Return a file as Python's own values, read as YAML 1.2 as editors do."""
    return values(read(text.encode()).root)


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Return every mapping inside a JSON value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from nodes(inner)


def test_it_is_a_schema_of_2020() -> None:
    """The dialect is named, and all of it is JSON."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("section", SECTIONS)
def test_the_schema_has_the_keys_of_the_models(section: type[Section]) -> None:
    """A section's keys are those that are read, described each, and no others are allowed."""
    schema = described(section)

    assert schema["properties"].keys() == section.known_keys().keys()
    assert schema["additionalProperties"] is False
    assert all(field["description"] for field in schema["properties"].values())


@pytest.mark.parametrize("section", SECTIONS)
def test_the_schema_says_what_a_section_must_have(section: type[Section]) -> None:
    """Keys that must stand, and those of which one must, are keys of the section."""
    schema = described(section)

    assert tuple(schema.get("required", ())) == section.required
    assert [each["required"] for each in schema.get("oneOf", ())] == [
        [key] for key in section.exactly_one
    ]
    assert {*section.required, *section.exactly_one, *section.named} <= section.known_keys().keys()


def test_references_lead_somewhere_and_patterns_compile() -> None:
    """Every reference names a definition; every pattern is anchored."""
    for node in nodes(SCHEMA):
        if isinstance(reference := node.get("$ref"), str):
            assert reference.removeprefix("#/$defs/") in SCHEMA["$defs"]
        if isinstance(pattern := node.get("pattern"), str):
            assert pattern.startswith("^")
            assert pattern.endswith("$")
            re.compile(pattern)


KEYS = [(section, key) for section in SECTIONS for key in section.known_keys()]


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_has_examples_that_are_read(section: type[Section], key: str) -> None:
    """Editors offer for each key what the file may really say."""
    field = described(section)["properties"][key]
    snippets = field.get("defaultSnippets", ())
    examples = [*field["examples"], *(snippet["body"] for snippet in snippets)]

    assert examples
    for example in examples:
        section.model_validate({key: example})
    # Editors write these as [object Object].
    assert not [
        each for each in field["examples"] if isinstance(each, list) and dict in map(type, each)
    ]


def test_what_editors_insert_is_a_file() -> None:
    """The examples of the keys that a file must have make a valid one together."""
    keys = SCHEMA["properties"]
    document = {key: keys[key]["examples"][0] for key in SCHEMA["required"]}

    settings = parse(
        json.dumps(document).encode(),
        "f.yaml",
        environ={},
        attachments=Attachments(Path("/nowhere")),
        check_secrets=False,
    )

    assert set(settings.clusters) == {"prod"}


def test_editors_say_what_is_wanted() -> None:
    """Beside each form stands what editors say in its place; titles are words."""
    assert all(node["patternErrorMessage"] for node in nodes(SCHEMA) if "pattern" in node)
    assert all(found["title"].islower() for found in SCHEMA["$defs"].values())
    assert not [name for name in SCHEMA["$defs"] if "Section" in SCHEMA["$defs"][name]["title"]]


def test_days_are_offered() -> None:
    """Each day and group of days is completed; ranges and short names in any case are days, too."""
    (offered, form) = SCHEMA["$defs"]["WeeklySection"]["properties"]["days"]["anyOf"][0]["anyOf"]

    assert {"monday", "weekend", "daily"} <= set(offered["enum"])
    assert all(re.search(form["pattern"], day) for day in ("mon", "Fri-Mon", "SUNDAY", "Weekdays"))
    assert not any(re.search(form["pattern"], day) for day in ("mondy", "mon,tue", "mon-", "1"))


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_example_fits_the_schema(*, is_whole: bool) -> None:
    """An editor finds nothing to say of the example, its comments included or not."""
    text = re.sub(r"(?m)^# (?=notify:$|  )", "", EXAMPLE) if is_whole else EXAMPLE

    assert list(VALIDATOR.iter_errors(plain(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("resync: 30s", "resync: soon"),
        ("resync: 30s", "resyncs: 30s"),
        ("start: 02:00", "start: 25:00"),
        ("on_drift: enforce", "on_drift: fight"),
        ("weekly: {days: [sunday], start: 02:00, end: 06:00}", "description: never"),
        ("url:    ", "uri:    "),
    ],
)
def test_the_schema_finds_slips_of_the_pen(old: str, new: str) -> None:
    """What the daemon would refuse for its form, an editor marks."""
    assert old in EXAMPLE

    assert list(VALIDATOR.iter_errors(plain(EXAMPLE.replace(old, new))))


@pytest.mark.parametrize(
    ("end", "is_right"),
    [
        ("monday 06:00", True),
        ("Sun 24:00", True),
        ("+2d 6:00:30", True),
        ("mondy 06:00", False),
        ("monday", False),
        ("2d 06:00", False),
        ("+2d 24:01", False),
    ],
)
def test_the_schema_knows_ends_of_a_later_day(end: str, *, is_right: bool) -> None:
    """An editor takes what the daemon takes."""
    text = EXAMPLE.replace("start: 02:00, end: 06:00", f"start: 02:00, end: {end}")
    assert text != EXAMPLE

    assert bool(list(VALIDATOR.iter_errors(plain(text)))) is not is_right


def test_no_key_may_be_null() -> None:
    """A key without a value is a fault, so that the schema never offers null."""
    assert not [node for node in nodes(SCHEMA) if node.get("type") == "null" or "default" in node]


def test_names_have_their_form() -> None:
    """Under clusters, exclusions and windows no key is allowed but a name."""
    for key in ("clusters", "exclusions", "windows"):
        named = SCHEMA["properties"][key]

        assert list(named["patternProperties"]) == ["^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"]
        assert named["additionalProperties"] is False
