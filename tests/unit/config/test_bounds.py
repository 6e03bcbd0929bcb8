"""What a file may hold, however it came about: bounds, and faults that quote nothing foreign."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.config.days.attachments import Attachments
from daemon.config.document import ENTRIES_LIMIT, SCALAR_LIMIT, VALUES_LIMIT
from daemon.config.file_watch import Content
from daemon.config.reading.limits import Limits
from daemon.config.reading.process import FileReading
from daemon.config.reading.request import Request
from daemon.config.settings import parse
from daemon.errors import LONGEST_FAULT, MOST_FAULTS, ConfigError
from tests.unit.config.config_files import CLUSTERS, ENVIRON, REPOSITORIES, RULE, faults, file_with

SECRET = "x9Qsecret7"  # what a foreign file has and no fault may quote


def test_a_long_text_is_a_fault() -> None:
    """A thousand characters are enough for any value, and one more is said to be too many."""
    fits = file_with(RULE, REPOSITORIES, f"description: {'d' * SCALAR_LIMIT}", "wrong: 1")
    too_long = file_with(RULE, REPOSITORIES, f"description: {'d' * (SCALAR_LIMIT + 1)}")
    of_key = file_with(RULE, REPOSITORIES, f"{'k' * (SCALAR_LIMIT + 1)}: 1")

    assert len(faults(fits)) == 1
    assert "wrong" in faults(fits)[0]
    (fault,) = faults(too_long)
    assert fault.endswith("windows.w.description: longer than 1,000 characters (1,001)")
    assert any("longer than 1,000 characters" in fault for fault in faults(of_key))


@pytest.mark.parametrize("entry", ["- mon\n", "k{}: 1\n"])
def test_a_long_list_or_mapping_is_a_fault(entry: str) -> None:
    """Ten thousand entries are enough, and nothing is built of more."""
    lines = "".join(f"  {entry.format(number)}" for number in range(ENTRIES_LIMIT + 1))

    (fault,) = faults(f"windows:\n{lines}")

    assert fault.startswith(f"f.yaml:{ENTRIES_LIMIT + 2}:")
    assert fault.endswith(": windows: more than 10,000 entries: the next one stands here")


def test_a_file_has_a_bound_altogether() -> None:
    """Short lists in a list are counted, too: reading would take as long."""
    inner = f"[{', '.join(['a'] * 9_999)}]"
    count = VALUES_LIMIT // 10_000 + 1

    (fault,) = faults(f"windows: [{', '.join([inner] * count)}]")

    assert "the file has more than 300,000 values" in fault


def test_most_faults_are_counted_only() -> None:
    """Of thousands of unknown keys the first twenty are shown, with the number of the others."""
    keys = [f"    key{number}: 1\n" for number in range(3_000)]

    found = faults(file_with(RULE, REPOSITORIES) + "".join(keys))
    few = faults(file_with(RULE, REPOSITORIES) + "".join(keys[: MOST_FAULTS + 1]))

    assert len(found) == MOST_FAULTS + 1
    assert ['"key0" is' in found[0], '"key19" is' in found[19]] == [True, True]
    assert found[20] == "f.yaml: and 2980 more faults"
    assert few[20] == "f.yaml: and 1 more fault"


def test_a_fault_is_short() -> None:
    """Long keys in long paths are cut in what is shown of them."""
    key = "k" * SCALAR_LIMIT
    deep = f"{{{key}: " * 10 + f"!{'t' * 1000} x" + "}" * 10

    found = faults(f"{key}: {deep}\n")

    assert found
    assert max(map(len, found)) <= LONGEST_FAULT


@pytest.mark.parametrize("pattern", ["[" * 201, "*a" * 101, "a" * 201, "!" + "?" * 200])
def test_a_glob_is_short(pattern: str) -> None:
    """A glob far longer than any id is refused: thousands are matched against thousands."""
    (fault,) = faults(file_with(RULE, f'repositories: {{test: ["*", "{pattern}"]}}'))

    assert "at most 200 are allowed" in fault
    assert len(fault) < LONGEST_FAULT


@pytest.mark.parametrize(
    "place", ["/proc/self/environ", "/sys/kernel/notes", "/dev/null", "link", "/dev/x"]
)
def test_what_the_kernel_makes_up_is_no_calendar(place: str, tmp_path: Path) -> None:
    """`/proc`, `/sys` and `/dev` are refused however a path leads there, and nothing is read."""
    (tmp_path / "link").symlink_to("/proc/self/environ")
    text = f"{CLUSTERS}exclusions: {{off: {{ics: '{place}'}}}}\nwindows: {{}}\n"

    (fault,) = faults(text, tmp_path)

    assert "is not a file that somebody wrote, but one of the kernel's" in fault


FOREIGN = (
    SECRET,
    f"BEGIN:VCALENDAR\n{SECRET}\nEND:VCALENDAR\n",
    f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:{SECRET}\nEND:VEVENT\nEND:VCALENDAR\n",
    f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{SECRET}\nEND:VEVENT\nEND:VCALENDAR\n",
    f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{SECRET}:1\n{SECRET}\nEND:VEVENT\nEND:VCALENDAR\n",
    (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\n"
        f"RRULE:FREQ=DAILY;{SECRET}=1\nEND:VEVENT\nEND:VCALENDAR\n"
    ),
    (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\n"
        f"RRULE:FREQ=YEARLY;BYMONTH={SECRET}\nEND:VEVENT\nEND:VCALENDAR\n"
    ),
)


@pytest.mark.parametrize("content", FOREIGN)
def test_no_fault_quotes_a_foreign_file(content: str, tmp_path: Path) -> None:
    """What stands in a file that is no calendar, perhaps a password, is in no message."""
    (tmp_path / "foreign").write_text(content)

    found = faults(f"{CLUSTERS}exclusions: {{off: {{ics: foreign}}}}\nwindows: {{}}\n", tmp_path)

    assert found
    assert SECRET.casefold() not in "\n".join(found).casefold()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\n" * 10_001, "10,001 events"),
        (
            "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\n"
            + "RRULE:FREQ=YEARLY\n" * 501
            + "END:VEVENT\n",
            "line 2: with the event that begins here there are more than 500 rules",
        ),
        ("X-A:1\n" * 100_001, "lines; at most 100,000 are read"),
    ],
)
def test_a_calendar_has_bounds(event: str, expected: str, tmp_path: Path) -> None:
    """A calendar is refused before the library begins with it, if it would take minutes."""
    (tmp_path / "off.ics").write_text(f"BEGIN:VCALENDAR\n{event}END:VCALENDAR\n")

    (fault,) = faults(f"{CLUSTERS}exclusions: {{off: {{ics: off.ics}}}}\nwindows: {{}}\n", tmp_path)

    assert expected in fault


KEYS = (
    *("clusters", "windows", "exclusions", "notify", "prod", "w", "weekly", "monthly", "cron"),
    *("rrule", "once", "days", "start", "end", "on", "rule", "from", "duration", "expression"),
    *("repositories", "exclude", "ics", "holidays", "url", "username", "password_file", "tls"),
)
VALUES = (
    "mon",
    "02:00",
    "5m",
    "*",
    "foreign",
    "0 0 * * *",
    "FREQ=DAILY",
    "https://a",
    "[",
    SECRET[:2],
)
SCALARS = st.sampled_from(VALUES) | st.text(max_size=8) | st.none() | st.booleans() | st.integers()
STRUCTURES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=25,
)
GOOD = (
    file_with(RULE, REPOSITORIES, "exclude: [freeze, off]")
    .replace("exclusions:\n", "exclusions:\n  off: {ics: foreign}\n")
    .encode()
)


def mutated(start: int, length: int, insert: bytes) -> bytes:
    """Return a good file with a piece of it replaced."""
    start %= len(GOOD)
    return GOOD[:start] + insert + GOOD[start + length :]


CONTENTS = (
    st.binary(max_size=300)
    | st.builds(repr, STRUCTURES).map(str.encode)
    | st.builds(
        mutated,
        st.integers(0, 10_000),
        st.integers(0, 40),
        st.binary(max_size=8) | st.sampled_from(VALUES).map(str.encode),
    )
)


@given(CONTENTS, st.sampled_from(FOREIGN))
@example(GOOD, FOREIGN[0])
def test_any_file_ends_in_settings_or_bounded_faults(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, foreign: str
) -> None:
    """Whatever the bytes: settings, or at most twenty short faults that quote nothing foreign.

    The reading may take 5 s of processor time and 100 MiB, and does not fail by that.
    """
    folder = tmp_path_factory.getbasetemp() / "foreign-files"
    folder.mkdir(exist_ok=True)
    draft = folder / f"foreign.{os.getpid()}"
    draft.write_text(foreign)
    draft.replace(folder / "foreign")

    request = Request(Content(content), "f.yaml", folder, ENVIRON, limits=Limits(5, 200 * 1024**2))

    answer = FileReading().read(request)

    lines = ConfigError("f.yaml", answer.faults, answer.more).lines() if answer.faults else []
    assert not any("reading it takes more than" in line for line in lines)
    assert len(lines) <= MOST_FAULTS + 1
    assert all(len(line) <= LONGEST_FAULT for line in lines)
    assert SECRET.casefold() not in "\n".join(lines).casefold()
    assert "a bug of ours" not in "\n".join(lines)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            'cron: {expression: "* * * * *", duration: 366d}',
            "windows.w.cron.expression: 527,040 openings of it would be open",
        ),
        (
            'cron: {expression: "* * * * *", duration: 1h}\npause_before: 30d',
            "openings of it would be open, or paused for, at one time",
        ),
        (
            'rrule: {rule: "FREQ=HOURLY;BYMINUTE=0,1;BYSECOND='
            + ",".join(map(str, range(60)))
            + '", from: 2026-01-01T00:00, duration: 1h}',
            "names 2,880 times of a day",
        ),
    ],
)
def test_a_window_that_opens_too_often_is_a_fault(rule: str, expected: str) -> None:
    """It would fill the memory, and is refused where its rule stands."""
    found = faults(file_with(rule, REPOSITORIES))

    assert expected in "\n".join(found)


def test_windows_that_open_too_often_together_are_a_fault() -> None:
    """Each may be within its bounds: what counts for the memory is all of them."""
    rule = 'cron: {expression: "* * * * *", duration: 1h}'
    windows = "".join(f"  w{number}: {{{rule}, {REPOSITORIES}}}\n" for number in range(9))

    (fault,) = faults(f"{CLUSTERS}windows:\n{windows}")

    assert "f.yaml:5:1: windows: they open too often altogether: 324,000 openings" in fault


def test_days_of_a_month_count_once() -> None:
    """A list of thousands of days names a few different ones."""
    days = ", ".join(["1", "-1", "first monday"] * 3_000)

    window = parse(
        file_with(f"monthly: {{on: [{days}], start: 02:00, duration: 1h}}", REPOSITORIES).encode(),
        "f.yaml",
        environ=ENVIRON,
        attachments=Attachments(Path("/nowhere")),
    ).windows["w"]

    assert len(getattr(window.rule, "on", ())) == 3


def test_windows_for_thousands_of_clusters_are_counted() -> None:
    """A few lines of globs may mean millions of pairs, which would fill the memory."""
    clusters = "".join(
        f'  c{n}: {{url: "https://h{n}", username: u, password_env: PW}}\n' for n in range(1100)
    )
    windows = "".join(f'  w{n}: {{{RULE}, repositories: {{"*": ["*"]}}}}\n' for n in range(1000))

    (fault,) = faults(f"clusters:\n{clusters}windows:\n{windows}")

    assert "they are for 1,100,000 pairs of a window and a cluster altogether" in fault


def test_calendar_files_are_few(tmp_path: Path) -> None:
    """The daemon looks at each of them every second, and the ledger keeps them all."""
    begin = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\n"
    event = begin + "{}END:VEVENT\nEND:VCALENDAR\n"
    (tmp_path / "a").write_text(event.format(""))
    for name in ("b", "c", "d", "e", "f"):
        (tmp_path / name).write_text(event.format(f"X-A:{'x' * 4_000_000}\n"))
    many = ", ".join(f"{{ics: {'./' * number}a}}" for number in range(101))
    large = ", ".join(f"{{ics: {name}}}" for name in "bcdef")

    (one_too_many,) = faults(f"{CLUSTERS}exclusions: {{off: [{many}]}}\nwindows: {{}}\n", tmp_path)
    (too_large,) = faults(f"{CLUSTERS}exclusions: {{off: [{large}]}}\nwindows: {{}}\n", tmp_path)

    assert "exclusions.off[100].ics: it is one too many: at most 100" in one_too_many
    assert "exclusions.off[4].ics" in too_large
    assert "with it the files have more than 16 MiB together" in too_large
