"""`why`: what it says of every window, and where the answer is not in the windows alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.core.listing import Listing
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
from tests.unit.cli.commands.planned import MINUTE, assert_refused
from tests.unit.cli.ended import Ended, ended

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
ORDERS = RepositoryKey("prod", "orders")
Ask = Callable[..., Ended]


def once(name: str, start: datetime, end: datetime, repository: str) -> str:
    """Write a window that opens once."""
    return (
        f'  {name}:\n    once: {{start: "{start.isoformat()}", end: "{end.isoformat()}"}}\n'
        f"    repositories: {{prod: [{repository}]}}\n"
    )


TEXT = (
    'clusters:\n  prod: {url: "http://localhost:1", username: u, password_file: gone}\nwindows:\n'
    + once("night", NOW - HOUR, NOW + 3 * HOUR, "orders")
    + once("soon", NOW + HOUR, NOW + 2 * HOUR, "archive")
)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger in which the file is in force."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save_config(AppliedConfig("s.yaml", tmp_path, TEXT.encode(), NOW))
        yield ledger


@pytest.fixture
def why(tmp_path: Path, night: Ledger, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return a way to ask why the repository is as it is."""
    assert night.records() == []
    (tmp_path / "s.yaml").write_text(TEXT)
    places = ("--config", f"{tmp_path}/s.yaml", "--ledger", f"sqlite:///{tmp_path}/ledger.db")
    return lambda: ended(capsys, "why", str(ORDERS), *places).out


def test_somebody_who_resumed_it_is_the_answer(night: Ledger, why: Callable[[], str]) -> None:
    """A repository that is to be paused and was resumed by a person is said to be left alone."""
    night.save([Record(ORDERS, yielded=(f"night@{NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}",))])

    assert "But somebody resumed it meanwhile: it is left alone until " in why()


def test_an_earlier_opening_that_was_resumed_is_no_answer(
    night: Ledger, why: Callable[[], str]
) -> None:
    """What a person did in another opening does not matter now."""
    night.save([Record(ORDERS, yielded=("night@2020-01-01T00:00:00Z",))])

    assert "somebody resumed" not in why()


def test_a_repository_that_no_list_has_is_named(night: Ledger, why: Callable[[], str]) -> None:
    """A typing error in its name is not answered as if there were such a repository."""
    night.save([], (), [News("prod", Listing(frozenset({"orders"})))])
    there = why()
    night.save([], (), [News("prod", Listing(frozenset({"order", "archive"})))])

    missing = why()

    assert "But prod" not in there
    assert 'But prod had no repository orders when it was last listed; did you mean "order"?' in (
        missing
    )


def test_the_next_change_is_one_for_the_repository(why: Callable[[], str]) -> None:
    """What changes for others on its cluster is passed over."""
    line = next(line for line in why().splitlines() if line.startswith("The next change: "))

    assert f"{NOW + 3 * HOUR:%H:%M}" in line
    assert "it is resumed " in line


def asked(tmp_path: Path, capsys: pytest.CaptureFixture[str], windows: str, repository: str) -> str:
    """Return what is said of a repository on 1 December 2026 at 01:30."""
    head, _, _ = TEXT.partition("windows:")
    (tmp_path / "s.yaml").write_text(f"{head}windows:\n{windows}")
    place = ("--config", f"{tmp_path}/s.yaml", "--ledger", f"sqlite:///{tmp_path}/none.db")
    return ended(capsys, "why", f"prod/{repository}", "--at", "2026-12-01T01:30", *place).out


BUSY = """\
  minutely:
    cron: {expression: "* 1-22 * * *", duration: 1m}
    repositories: {prod: [busy]}
  evening:
    weekly: {days: [daily], start: 20:00, end: 21:00}
    repositories: {prod: [calm]}
"""
LONG = """\
  days:
    weekly: {days: [daily], start: 21:00, duration: 1d}
    valid_until: 2027-11-29
    repositories: {prod: [long]}
  move:
    once: {start: 2026-11-30T18:00, end: 2029-12-28T06:00}
    repositories: {prod: [move]}
"""


@pytest.mark.parametrize(
    ("windows", "repository", "change"),
    [
        (BUSY, "calm", "it is paused Tue 2026-12-01 20:00 UTC, in 18 h 30 min."),
        (BUSY, "busy", "it is resumed Tue 2026-12-01 23:00 UTC, in 21 h 30 min."),
        (LONG, "long", "it is resumed Tue 2027-11-30 21:00 UTC, in 364 d 19 h."),
        (LONG, "move", "it is resumed Fri 2029-12-28 06:00 UTC, in 1123 d 4 h."),
    ],
)
def test_the_next_change_is_found_however_many_others_there_are(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    windows: str,
    repository: str,
    change: str,
) -> None:
    """A window that opens every minute hides neither its own end nor another window's start."""
    assert f"The next change: {change}" in asked(tmp_path, capsys, windows, repository)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("weekly: {days: [daily], start: 21:00, duration: 1d}", 400),
        # Those that open often are followed less far: that takes as long.
        ('cron: {expression: "*/5 * * * *", duration: 6m}', 69),
    ],
)
def test_what_is_open_without_a_break_has_no_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, days: int
) -> None:
    """How far the daemon looks ahead is nothing that happens to the repository."""
    windows = f"  w:\n    {rule}\n    repositories: {{prod: [orders]}}\n"

    said = asked(tmp_path, capsys, windows, "orders")

    assert f"should be paused at Tue 2026-12-01 01:30 UTC, by w, for more than {days} days." in said
    assert "The next change: " not in said


def test_unplanned_windows_that_are_over_are_not_listed(
    night: Ledger, why: Callable[[], str]
) -> None:
    """A window that somebody opened by hand is listed while it is open, and not for ever."""
    targets = (("prod", Patterns(("*",))),)
    for name, end in (("over", NOW - HOUR), ("patch", NOW + HOUR)):
        night.add_override(
            Override(OverrideKind.OPEN, name, NOW - 2 * HOUR, end, NOW, "ana@host", targets=targets)
        )

    said = why()

    assert "patch: matches, and is open" in said
    assert "over:" not in said


def test_why_explains_every_window(ask: Ask) -> None:
    """Each window says whether it matches and is open, or what keeps it from that."""
    ask("skip", "later")

    done = ask("why", "prod/orders")
    then = ask("why", "prod/orders", "--at", (NOW + 150 * MINUTE).isoformat())

    lines = {line.partition(":")[0]: line for line in done.out.splitlines()}
    assert done.out.startswith("prod/orders should be paused at ")
    assert "The next change: " in done.out
    assert "matches, and is open until" in lines["night"]
    assert "does not open again within 400 days" in lines["over"]
    assert "outside valid_from and valid_until" in lines["frozen"]
    assert "is not enabled" in lines["off"]
    assert "is not for prod" in lines["elsewhere"]
    assert "this opening was skipped by " in then.out


def test_why_shows_the_hold(ledger: Ledger, ask: Ask) -> None:
    """What the ledger holds of the repository is said as well."""
    key = RepositoryKey("prod", "orders")
    since = datetime.now(UTC) - HOUR
    record = Record(key, Phase.PAUSED, windows=("night",), since=since, last_error="timeout")
    ledger.save([record])

    done = ask("why", "prod/orders")

    assert "The ledger: paused for 1 h by night, last error timeout." in done.out
    assert "It is late" not in done.out


def test_why_says_of_a_hold_that_it_is_late(
    night: Ledger, why: Callable[[], str], tmp_path: Path
) -> None:
    """Whoever reads that nothing wants it paused, and that it is, learns what becomes of it."""
    night.save([Record(ORDERS, Phase.PAUSED, windows=("night",), since=NOW - HOUR)])
    before = why()
    night.save_config(AppliedConfig("s.yaml", tmp_path, TEXT.replace("orders", "x").encode(), NOW))
    (tmp_path / "s.yaml").write_text(TEXT.replace("orders", "x"))

    after = why()

    assert "It is late" not in before
    assert "prod/orders should not be paused at " in after
    assert "It is late: the daemon tries to resume it" in after


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("why", "orders"), 2, "write CLUSTER/REPOSITORY"),
        (("why", "prdo/orders"), 2, "there is no cluster prdo"),
        (("why", "prod/\x1b[2J"), 2, '"\\u001b[2J" is not a repository id: letters'),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    ledger: Ledger, ask: Ask, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """A name, an opening or a time that makes no sense is one line, and changes nothing."""
    assert_refused(ask(*arguments), code, complaint)
    assert ledger.overrides() == []


@pytest.mark.parametrize("command", [("why", "prod/orders"), ("calendar", "--days", "1")])
def test_a_ledger_that_is_not_read_is_said(
    ledger: Ledger, ask: Ask, command: tuple[str, ...], tmp_path: Path
) -> None:
    """What people decided may be other than what the file says: that it is missing is no secret."""
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
        database.commit()

    done = ask(*command)

    assert done.code == 0
    assert done.err.startswith("cbmaintd: shown without decisions and holds: ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("at", ["0001-01-01", "0001-06-01", "9998-12-31", "9999-12-31"])
@pytest.mark.parametrize("command", ["why prod/orders --at", "calendar --from", "history --since"])
def test_an_instant_at_the_edge_of_the_calendar_is_refused(ask: Ask, command: str, at: str) -> None:
    """Openings are looked for around it, so that there have to be some years."""
    said = ask(*command.split(), at)

    assert (said.code, said.out) == (2, "")
    assert said.err.endswith(f" {at}: that is beyond the calendar\n")


def test_an_instant_far_away_is_answered(ask: Ask) -> None:
    """As far as the calendar reaches with room around it."""
    for at in ("0005-01-01", "9995-12-31"):
        assert ask("why", "prod/orders", "--at", at).code == 0
