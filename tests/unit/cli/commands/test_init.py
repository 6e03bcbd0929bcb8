"""`cbmaintd init`: the file that it prints for a live cluster, and for none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.cli.drafting.draft import CLUSTER, Source, draft, quoted
from daemon.cli.reports.impact import Inventory
from daemon.config.days.attachments import Attachments
from daemon.config.document import read
from daemon.config.settings import Settings, parse
from daemon.config.tree import MappingNode
from daemon.core.repository import ObservedRepository, RepositoryState, ScheduledRun
from daemon.simulator.server import Simulator
from tests.unit.cli.ended import Ended, ended
from tests.unit.nasty_text import EVERY

ROOT = Path(__file__).parents[4]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Run a cluster with one repository that somebody has paused."""
    users = {"u": ("pw", "backup_admin")}
    with Simulator(("orders", "tenant-a", "123"), users) as running:
        running.pause("tenant-a")
        yield running


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """Write the password's file."""
    file = tmp_path / "p w"
    file.touch(mode=0o600)
    file.write_text("pw\n")
    return file


def parsed(text: str) -> Settings:
    """Return the settings of what was printed."""
    return parse(
        text.encode(),
        "s.yaml",
        environ={},
        attachments=Attachments(Path("/nowhere")),
        check_secrets=False,
    )


def covered(settings: Settings) -> set[str]:
    """Return the ids that some window is for, out of those that there are."""
    patterns = [found for w in settings.windows.values() for found in w.patterns_for(CLUSTER)]
    ids = ("orders", "tenant-a", "123")
    return {id_ for id_ in ids if any(each.matches(id_) for each in patterns)}


@pytest.mark.parametrize("option", ["--url", "--discover"])
def test_what_it_prints_passes_check(
    simulator: Simulator,
    password: Path,
    tmp_path: Path,
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file is valid, warns of nothing, covers every repository, and costs no run."""
    url = simulator.url if option == "--url" else simulator.management_url
    asked = ("init", option, url, "--username", "u", "--password-file", str(password))

    printed = ended(capsys, *asked)
    file = tmp_path / "schedules.yaml"
    file.write_text(printed.out)
    checked = ended(capsys, "check", "-c", str(file), "--online")

    assert (printed.code, printed.err) == (0, "")
    assert (checked.code, checked.err) == (0, "")
    assert covered(parsed(printed.out)) == {"orders", "tenant-a", "123"}
    assert {seen.method for seen in simulator.requests} == {"GET"}


def test_it_can_be_read_in_a_terminal(
    simulator: Simulator, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No comment is wider than 79 columns, and seven runs a week of one time are daily ones."""
    asked = ("--username", "u", "--password-file", str(password))

    lines = ended(capsys, "init", "--url", simulator.url, *asked).out.splitlines()
    comments = [line for line in lines if line.lstrip().startswith("#")]
    described = " ".join(line.lstrip("# ") for line in comments)

    assert max(map(len, comments)) <= 79
    assert re.search(r"plan \S+ \(BACKUP daily \d\d:\d\d[,)]", described)


@pytest.mark.parametrize("is_named_whole", [False, True])
def test_a_credential_is_named_as_the_unit_finds_it(
    simulator: Simulator,
    password: Path,
    is_named_whole: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A password among the unit's credentials is named by its name: its user sees no other."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(password.parent))
    named = str(password) if is_named_whole else password.name

    printed = ended(
        capsys, "init", "--url", simulator.url, "--username", "u", "--password-file", named
    )

    assert f'password_file: "{password.name}"\n' in printed.out


def test_without_a_cluster_it_prints_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    """`init` alone is the example of the manual."""
    example = (ROOT / "schedules.yaml").read_text()

    assert ended(capsys, "init") == Ended(0, example, "")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--url", "http://localhost:1"], "--username and --password-file missing"),
        (["--username", "u"], "--username goes with --url or --discover"),
        (["--url", "localhost", "--username", "u", "--password-file", "x"], "--url: "),
        (["--url", "http://a.invalid:8097", "--username", "u", "--password-file", "x"], "--url: "),
        (["--url", "http://localhost:1", "--username", "u:", "--password-file", "x"], "--username"),
        (
            ["--url", "http://localhost:1", "--username", "u", "--password-file", "none"],
            "--password-file: ",
        ),
    ],
)
def test_an_option_that_is_wrong_is_named(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is one line that names the option, not a place in a file that nobody wrote."""
    refused = ended(capsys, "init", *arguments)

    assert (refused.code, refused.out) == (2, "")
    assert hint in refused.err
    assert len(refused.err.splitlines()) == 1


def test_a_cluster_that_does_not_answer_is_one_line(
    simulator: Simulator, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal of the cluster is said in one line, and nothing is printed."""
    asked = ("init", "--url", simulator.url, "--username", "x", "--password-file", str(password))

    refused = ended(capsys, *asked)

    assert (refused.code, refused.out) == (1, "")
    assert "unauthorized" in refused.err


ODD = st.one_of(
    st.just(EVERY),
    st.sampled_from(
        ["# x", "a: [", '"', "\\", "{", "*", "", "!!x", "\nwindows: {}", "%{plan}s", "0", "null"]
    ),
    st.text(),
)


@settings(max_examples=50)
@given(plans=st.lists(ODD, min_size=1, max_size=3), task=ODD, odd_id=ODD)
def test_no_text_of_a_server_breaks_the_file(plans: list[str], task: str, odd_id: str) -> None:
    """Whatever plans, tasks and rows are called, the file has the windows that were meant alone."""
    runs = [ScheduledRun(NOW + timedelta(hours=3 * i), task, task) for i in range(len(plans))]
    found = tuple(
        ObservedRepository(id_, RepositoryState.ACTIVE, plan=plan, scheduled=(run,))
        for id_, plan, run in zip(("orders", "tenant-a", "123"), plans, runs, strict=False)
    )
    rows = (ObservedRepository(odd_id, None, problem="odd"),)
    step = timedelta(hours=12)
    inventory = Inventory(CLUSTER, found, {plan: {task: step} for plan in plans}, None, rows)
    source = Source({"url": "http://localhost:1", "username": "u", "password_file": "/x"})

    text = draft(source, inventory, UTC_ZONE, NOW)
    found_again = parsed(text)

    assert all(line.isprintable() for line in text.splitlines())
    assert covered(found_again) >= {each.id for each in found}
    assert found_again.clusters.keys() == {CLUSTER}
    assert 1 <= len(found_again.windows) <= len(found)


@given(st.text(max_size=200))
def test_a_quoted_text_is_read_back(text: str) -> None:
    """Whatever an option says stands in the file as it is, or the file is refused for it."""
    document = read(f"a: {quoted(text)}\nb: c\n".encode())

    assert document.faults or document.root
    if document.root and not document.faults:
        assert isinstance(document.root, MappingNode)
        assert list(document.root.entries) == ["a", "b"]
        assert getattr(document.root.entries["a"].value, "value", None) == text
