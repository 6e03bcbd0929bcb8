"""`open`, `close`, `extend`, `skip`, `history` and `why` on a ledger beside the daemon."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
from tests.unit.cli.ended import Ended, ended

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def once(name: str, start: datetime, end: datetime, more: str = "") -> str:
    """Write a window that opens once."""
    return (
        f'  {name}:\n    once: {{start: "{start.isoformat()}", end: "{end.isoformat()}"}}\n'
        f'    repositories: {{prod: ["*", "!archive"]}}\n{more}'
    )


TEXT = (
    'timezone: Europe/Berlin\nclusters:\n  prod: {url: "http://localhost:1", username: u,'
    ' password_file: gone}\n  prod-us: {url: "http://localhost:2", username: u, password_file: x}\n'
    "windows:\n"
    + once("night", NOW - HOUR, NOW + HOUR)
    + once("later", NOW + 2 * HOUR, NOW + 3 * HOUR)
    + once("over", NOW - 3 * HOUR, NOW - 2 * HOUR)
    + once("frozen", NOW - HOUR, NOW + HOUR, "    valid_until: 2020-01-01\n")
    + once("off", NOW - HOUR, NOW + HOUR, "    enabled: false\n")
    # At a time of day that is far from now, whenever the test runs.
    + f"  elsewhere:\n    weekly: {{days: [daily], start: {NOW + 12 * HOUR:%H:00}, duration: 1h}}\n"
    "    repositories: {prod-us: [orders]}\n"
)


Ask = Callable[..., Ended]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger that a daemon, this process, has open with the file in force."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save_config(AppliedConfig("s.yaml", tmp_path, TEXT.encode(), NOW))
        yield ledger


@pytest.fixture
def ask(tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a way to run a command beside that daemon."""
    assert ledger.records() == []
    (tmp_path / "s.yaml").write_text(TEXT)

    def run(*arguments: str) -> Ended:
        places = ("--config", f"{tmp_path}/s.yaml", "--ledger", f"sqlite:///{tmp_path}/ledger.db")
        return ended(capsys, *places, *arguments)

    return run


def test_open_keeps_what_was_asked_for(ledger: Ledger, ask: Ask) -> None:
    """An unplanned window has its clusters by glob, patterns, end, reason and who opened it."""
    done = ask("open", "patch", "--repository", "prod*/ord*", "prod/a", "--for", "2h",
               "--reason", "kernel")  # fmt: skip
    (kept,) = ledger.overrides()

    assert (done.code, done.err) == (0, "")
    assert "patch is open until" in done.out
    assert kept.kind is OverrideKind.OPEN
    assert kept.targets == (("prod", Patterns(("ord*", "a"))), ("prod-us", Patterns(("ord*",))))
    assert kept.end == kept.start + 2 * HOUR
    assert abs(kept.start - NOW) < 30 * MINUTE
    assert kept.reason == "kernel"
    assert "@" in kept.by


def test_an_open_window_is_seen(ask: Ask) -> None:
    """`status` and `why` know an unplanned window at once, and `close` ends it."""
    ask("open", "patch", "--repository", "prod/archive", "--for", "2h")

    status = json.loads(ask("status", "--output", "json").out)
    why = ask("why", "prod/archive")
    closed = ask("close", "patch")
    after = ask("why", "prod/archive")

    assert [opening["window"] for opening in status["open"]] == ["night", "patch"]
    assert "prod/archive is to be paused by patch" in why.out
    assert "ends now" in closed.out
    assert "prod/archive is not to be paused" in after.out


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("open", "night", "--repository", "prod/a", "--for", "1h"), 2, "the file has a window"),
        (("open", "b d", "--repository", "prod/a", "--for", "1h"), 2, "not a name for a window"),
        (("open", "x", "--repository", "prod", "--for", "1h"), 2, "write CLUSTER/PATTERN"),
        (("open", "x", "--repository", "pord/a", "--for", "1h"), 2, 'did you mean "prod"?'),
        (("open", "x", "--repository", "prod/a", "--until", "2020-01-01"), 2, "that is past"),
        (("open", "x", "--repository", "prod/a", "--until", "soon"), 2, "not a time"),
        (("open", "x", "--repository", "prod/a", "--for", "90"), 2, "a bare number has no unit"),
        (("open", "x", "--repository", "prod/a", "--for", "0s"), 2, "no time at all"),
        (("open", "x", "--repository", "prod/a"), 2, "--for --until is required"),
        (("open", "x", "--for", "1h"), 2, "--repository"),
        (("close", "nihgt"), 2, 'did you mean "night"?'),
        (("close", "later"), 1, "is not open now; it opens"),
        (("close", "over"), 1, "is not open now (open now: night)"),
        (("extend", "later", "--for", "1h"), 1, "is not open now"),
        (("extend", "night", "--until", "2020-01-01T00:00"), 2, "that is past"),
        (("skip", "night"), 1, "does not open again"),
        (("skip", "later", "--opening", "2020-01-01"), 2, "does not open then; it opens"),
        (("skip", "night", "--opening", (NOW - HOUR).isoformat()), 1, "to end it, use close"),
        (("why", "orders"), 2, "write CLUSTER/REPOSITORY"),
        (("why", "prdo/orders"), 2, "there is no cluster prdo"),
        (("history", "--repository", "orders"), 2, "write CLUSTER/REPOSITORY"),
        (("history", "--since", "once"), 2, "not a time"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    ledger: Ledger, ask: Ask, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """A name, an opening or a time that makes no sense is one line, and changes nothing."""
    done = ask(*arguments)

    assert complaint in done.err
    assert done.code == code
    assert len(done.err.splitlines()) == 1
    assert ledger.overrides() == []


def test_a_name_is_taken_while_it_is_open(ledger: Ledger, ask: Ask) -> None:
    """An unplanned window cannot be opened twice, but again after it was closed."""
    command = ("open", "patch", "--repository", "prod/a", "--for", "1h")
    ask(*command)

    second = ask(*command)
    ask("close", "patch")
    third = ask(*command)

    assert (second.code, third.code) == (2, 0)
    assert "patch is open already" in second.err
    assert len(ledger.overrides()) == 3


def test_extend_moves_the_end(ledger: Ledger, ask: Ask) -> None:
    """`--for` adds to the planned end, `--until` names another, and the last one counts."""
    first = ask("extend", "night", "--for", "30m")
    ask("extend", "night", "--until", (NOW + 5 * HOUR).isoformat())
    status = json.loads(ask("status", "--output", "json").out)

    assert "night now ends" in first.out
    assert ledger.overrides()[0].end == NOW + HOUR + 30 * MINUTE
    assert datetime.fromisoformat(status["open"][0]["end"]) == NOW + 5 * HOUR


def test_until_takes_a_time_of_day(ledger: Ledger, ask: Ask) -> None:
    """`--until 18:00` is the next time the clock in the file's zone shows that."""
    ask("open", "patch", "--repository", "prod/a", "--until", "18:00")
    (kept,) = ledger.overrides()

    assert kept.end is not None
    assert timedelta(0) < kept.end - NOW <= 24 * HOUR + MINUTE
    assert kept.end.minute == 0


def test_skip_cancels_an_opening(ask: Ask) -> None:
    """The next opening, or the one named by its day or its start, does not open."""
    done = ask("skip", "later")
    status = json.loads(ask("status", "--output", "json").out)
    again = ask("skip", "later")

    assert "later will not open" in done.out
    assert "later" not in [opening["window"] for opening in status["next"]]
    assert again.code == 1


@pytest.mark.parametrize("length", [len("2026-01-31"), None], ids=["day", "start"])
def test_what_is_skipped_already_is_told(ledger: Ledger, ask: Ask, length: int | None) -> None:
    """Who names an opening that was skipped hears by whom, and nothing is changed."""
    coming = json.loads(ask("status", "--output", "json").out)["next"]
    start = next(each for each in coming if each["window"] == "later")["start"]
    command = ("skip", "later", "--opening", start[:length])
    ask(*command)
    (kept,) = ledger.overrides()

    again = ask(*command)

    assert again.code == 1
    assert again.err.endswith(f" is skipped already, by {kept.by}\n")
    assert ledger.overrides() == [kept]


def test_skip_takes_a_day_or_a_start(ledger: Ledger, ask: Ask) -> None:
    """An opening to skip is named by the local day on which it opens, or by its start."""
    by_start = ask("skip", "later", "--opening", (NOW + 2 * HOUR).isoformat())
    coming = json.loads(ask("status", "--output", "json").out)["next"]
    day = next(o for o in coming if o["window"] == "elsewhere")["start"][:10]
    by_day = ask("skip", "elsewhere", "--opening", day)

    assert (by_start.code, by_day.code) == (0, 0)
    assert [override.window for override in ledger.overrides()] == ["later", "elsewhere"]


def test_the_ledger_is_enough(tmp_path: Path, ledger: Ledger, ask: Ask) -> None:
    """With `--ledger`, `close` and `history` need no valid file: the last good one will do."""
    (tmp_path / "s.yaml").write_text("windows: [")

    closed = ask("close", "night")
    history = ask("history")

    assert (closed.code, history.code) == (0, 0)
    assert ledger.overrides()[0].window == "night"
    assert "close" in history.out


def test_who_decides_alone_is_told(tmp_path: Path, ledger: Ledger, ask: Ask) -> None:
    """Without a daemon on the ledger a decision is kept, and that nobody acts yet is said."""
    ledger.close()

    done = ask("close", "night")
    waiting = ask("open", "x", "--repository", "prod/a", "--for", "1h", "--wait")

    assert done.code == 0
    assert "no daemon runs on this ledger" in done.err
    assert waiting.code == 1
    assert tmp_path.exists()


def test_why_explains_every_window(ask: Ask) -> None:
    """Each window says whether it matches and is open, or what keeps it from that."""
    ask("skip", "later")

    done = ask("why", "prod/orders")
    then = ask("why", "prod/orders", "--at", (NOW + 150 * MINUTE).isoformat())

    lines = {line.partition(":")[0]: line for line in done.out.splitlines()}
    assert done.out.startswith("prod/orders is to be paused by night at ")
    assert "The next change for it: " in done.out
    assert "matches, and is open until" in lines["night"]
    assert "does not open again" in lines["over"]
    assert "outside valid_from and valid_until" in lines["frozen"]
    assert "is not enabled" in lines["off"]
    assert "is not for prod" in lines["elsewhere"]
    assert "a person skipped this opening" in then.out


def test_why_shows_the_hold(ledger: Ledger, ask: Ask) -> None:
    """What the ledger holds of the repository is said as well."""
    key = RepositoryKey("prod", "orders")
    since = datetime.now(UTC) - HOUR
    record = Record(key, Phase.PAUSED, windows=("night",), since=since, last_error="timeout")
    ledger.save([record])

    done = ask("why", "prod/orders")

    assert "The ledger: paused for 1 h by night, last error timeout." in done.out


def test_status_tells_who_opened_a_window(ledger: Ledger, ask: Ask) -> None:
    """An unplanned window that is open is shown with who opened it, and why."""
    targets = (("prod", Patterns(("*",))),)
    ledger.add_override(
        Override(
            OverrideKind.OPEN, "patch", NOW, NOW + HOUR, NOW, "ana@host", "kernel", targets=targets
        )
    )

    assert "patch open ends in" in ask("status").words
    assert "opened by ana@host: kernel" in ask("status").words
