"""A file that a tool for YAML 1.1 has rewritten is recognised as that, in one fault."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.unit.config.config_files import CLUSTERS, REPOSITORIES, faults, file_with, read

GOOD = (
    f"{CLUSTERS}exclusions:\n  norway: {{holidays: NO}}\n  freeze: [2026-12-24, 2026-12-31]\n"
    "windows:\n"
    "  a:\n    monthly: {on: [second tuesday], start: 22:00, end: 23:30:30}\n"
    f"    {REPOSITORIES}\n    exclude: [2026-11-12, norway]\n    valid_from: 2026-04-01\n"
    f"  b:\n    weekly: {{days: [mon], start: 10:05, end: 24:00}}\n    {REPOSITORIES}\n"
)


def rewritten(text: str) -> str:
    """Return what a tool for YAML 1.1 makes of a file."""
    return yaml.safe_dump(yaml.safe_load(text), sort_keys=False)


def test_a_rewritten_file_is_one_fault() -> None:
    """All that the tool changed is one cause, said at the first place with the way out."""
    assert read(GOOD).windows

    (fault,) = faults(rewritten(GOOD))

    line = next(n for n, text in enumerate(rewritten(GOOD).splitlines(), 1) if "false" in text)
    assert fault.startswith(f"f.yaml:{line}:15: a tool for YAML 1.1, as Ansible, Helm or PyYAML, h")
    assert "NO has become false, on has become true, 22:00 has become 1320 (and in 5 more" in fault
    assert 'quote such words, times of day and dates where the tool reads them, as in "NO"' in fault


def test_other_faults_are_told_beside_it() -> None:
    """What the tool did hides nothing, and nothing follows from it."""
    spoilt = rewritten(GOOD.replace("second tuesday", "secnd tuesday"))

    first, second = faults(spoilt)

    assert "has rewritten this file" in first
    assert second.endswith('did you mean "second tuesday"?')
    assert "windows.a.monthly.on" in second


@pytest.mark.parametrize("key", ["true", "'true'", "True"])
def test_the_key_on_became_true(key: str) -> None:
    """Some tools write the key as a text."""
    (fault,) = faults(
        file_with(
            f"monthly: {{duration: 2h, start: '22:00', {key}: [second tuesday]}}", REPOSITORIES
        )
    )

    assert "on has become" in fault
    assert "f.yaml:9:" in fault


@pytest.mark.parametrize(
    ("line", "was"),
    [
        ("weekly: {days: [mon], start: 1320, end: 02:00}", "22:00 has become 1320"),
        ("weekly: {days: [mon], start: 02:00, end: 1440}", "24:00 has become 1440"),
        ("weekly: {days: [mon], start: 480, end: 600}", "08:00 has become 480"),
        ("weekly: {days: [mon], start: 79230, end: 02:00}", "22:00:30 has become 79230"),
    ],
)
def test_times_became_numbers(line: str, was: str) -> None:
    """Sixty times the hours and the minutes, or that again with seconds."""
    (fault,) = faults(file_with(line, REPOSITORIES))

    assert was in fault


def test_dates_became_times() -> None:
    """A date that comes with a midnight was a date."""
    (fault,) = faults(
        file_with("cron: {expression: '0 2 * * *', duration: 1h}", REPOSITORIES)
        + "    valid_from: 2026-04-01T00:00:00Z\n    exclude: ['2026-05-01 00:00:00']\n"
    )

    assert "2026-04-01 has become 2026-04-01T00:00:00Z" in fault
    assert "(and in 1 more place)" in fault


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("weekly: {days: [mon], start: 2, end: 03:00}", "2 is not a time of day"),
        ("weekly: {days: [mon], start: 1500, end: 03:00}", "1500 is not a time of day"),
        ("weekly: {days: [mon], start: 90000, end: 03:00}", "90000 is not a time of day"),
        ("weekly: {days: [mon], start: true, end: 03:00}", "true is not a time of day"),
        ("monthly: {on: 1, true: 2, start: 02:00, duration: 1h}", "the key true is not a text"),
        ("once: {start: 1320, duration: 1h}", "1320 is not a time"),
    ],
)
def test_what_a_tool_does_not_write_is_not_taken_for_it(line: str, expected: str) -> None:
    """What may be a person's own mistake is told as that."""
    found = faults(file_with(line, REPOSITORIES))

    assert any(expected in fault for fault in found)
    assert not any("YAML 1.1" in fault for fault in found)


def test_the_example_is_not_taken_for_a_rewritten_file() -> None:
    """What people write is read as it stands."""
    example = (Path(__file__).parents[4] / "schedules.yaml").read_text()

    assert "on" in example
    assert not any("YAML 1.1" in line for line in faults(f"{example}\nwrong: 1\n"))


def test_names_and_words_that_became_something_else_are_part_of_it() -> None:
    """To quote a `true` that was an `on` would name another: what it was has to be looked up."""
    text = GOOD.replace("  a:\n", "  on:\n").replace("  norway:", "  off:")
    text = (
        text.replace("norway]", "off]")
        .replace("*", "no")
        .replace("  b:", "    description: y\n  b:")
    )
    words = f"{text}  c:\n    weekly: {{days: [mon], start: 10:05, end: 24:00}}\n"
    words += "    repositories: {'env=prod': [on, off, 0123, '0123']}\n"
    assert "on" in read(words).windows

    (fault,) = faults(rewritten(words))

    assert "has rewritten this file" in fault
    assert "what is false, true, 83 now was another word, such as on, yes, off or 0123" in fault
    assert "quote it" not in fault


def test_a_single_word_is_told_by_itself() -> None:
    """Without another sign of a tool it is a slip of the pen."""
    found = faults(
        file_with(
            "weekly: {days: [mon], start: 02:00, end: 03:00}", "repositories: {'env=prod': [true]}"
        )
    )

    assert not any("YAML 1.1" in fault for fault in found)
    assert any('quote it: "true"' in fault for fault in found)
