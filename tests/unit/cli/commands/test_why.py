"""`why`, where the answer is not in the windows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
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
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger in which the file is in force."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save_config(AppliedConfig("s.yaml", tmp_path, TEXT.encode(), NOW))
        yield ledger


@pytest.fixture
def why(tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return a way to ask why the repository is as it is."""
    assert ledger.records() == []
    (tmp_path / "s.yaml").write_text(TEXT)
    places = ("--config", f"{tmp_path}/s.yaml", "--ledger", f"sqlite:///{tmp_path}/ledger.db")
    return lambda: ended(capsys, "why", str(ORDERS), *places).out


def test_somebody_who_resumed_it_is_the_answer(ledger: Ledger, why: Callable[[], str]) -> None:
    """A repository that is to be paused and was resumed by a person is said to be left alone."""
    ledger.save([Record(ORDERS, yielded=(f"night@{NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}",))])

    assert "But somebody resumed it meanwhile: it is left alone until " in why()


def test_an_earlier_opening_that_was_resumed_is_no_answer(
    ledger: Ledger, why: Callable[[], str]
) -> None:
    """What a person did in another opening does not matter now."""
    ledger.save([Record(ORDERS, yielded=("night@2020-01-01T00:00:00Z",))])

    assert "somebody resumed" not in why()


def test_the_next_change_is_one_for_the_repository(why: Callable[[], str]) -> None:
    """What changes for others on its cluster is passed over."""
    line = next(line for line in why().splitlines() if line.startswith("The next change for it: "))

    assert f"{NOW + 3 * HOUR:%H:%M}" in line
    assert "it is then to be active." in line


def test_unplanned_windows_that_are_over_are_not_listed(
    ledger: Ledger, why: Callable[[], str]
) -> None:
    """A window that somebody opened by hand is listed while it is open, and not for ever."""
    targets = (("prod", Patterns(("*",))),)
    for name, end in (("over", NOW - HOUR), ("patch", NOW + HOUR)):
        ledger.add_override(
            Override(OverrideKind.OPEN, name, NOW - 2 * HOUR, end, NOW, "ana@host", targets=targets)
        )

    said = why()

    assert "patch: matches, and is open" in said
    assert "over:" not in said
