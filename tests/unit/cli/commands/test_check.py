"""`cbmaintd check`: what it says of a good file, and of the clusters when it asks them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme

from daemon.cli.commands.check import _next
from daemon.cli.main import main
from daemon.simulator.server import Simulator
from daemon.windows.rules import Once
from daemon.windows.window import Window
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES
from tests.unit.cli.ended import ended as ended_

PASSWORD = "correct horse"
ALWAYS = "once: {start: 2020-01-01T00:00, end: 2090-01-01T00:00}"
RARE = "weekly: {days: [mon], start: 02:00, end: 02:01}"
FINE = "weekly: {days: [mon], start: 12:00, end: 18:00}"
GONE = "once: {start: 2020-01-01T02:00, end: 2020-01-01T03:00}"


@dataclass(frozen=True)
class Ended:
    """How a check ended, and what it said, line by line."""

    code: int
    out: list[str]
    err: list[str]


Check = Callable[..., Ended]


@pytest.fixture
def check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Check:
    """Return a way to check a file that has these clusters and windows."""
    monkeypatch.setenv("PW", PASSWORD)
    file = tmp_path / "schedules.yaml"

    def run(text: str, *arguments: str) -> Ended:
        file.write_text(text)
        code = main(["-c", str(file), "check", *arguments])
        said = capsys.readouterr()
        assert PASSWORD not in said.out + said.err
        return Ended(code, said.out.splitlines(), said.err.splitlines())

    return run


@pytest.fixture
def service() -> Iterator[Simulator]:
    """Return a service with two repositories."""
    with Simulator(["orders", "archive"], {"u": (PASSWORD, "backup_admin")}) as simulator:
        yield simulator


def cluster(name: str, url: str, more: str = "") -> str:
    """Return the lines of a cluster that is not asked for long."""
    retry = "retry: {attempts: 2, first_delay: 1ms, max_delay: 1ms}"
    return f'  {name}: {{url: "{url}", username: u, password_env: PW, {retry}{more}}}\n'


def text(clusters: str, **windows: tuple[str, str]) -> str:
    """Return a file; a window is its rule and its repositories."""
    lines = [
        f"  {name}:\n    {rule}\n    repositories: {repositories}\n"
        for name, (rule, repositories) in windows.items()
    ]
    return f"timezone: Europe/Berlin\nclusters:\n{clusters}windows:\n{''.join(lines)}"


def test_a_good_file_is_summed_up(check: Check) -> None:
    """Each window is shown with the local time of its next opening and the zone."""
    file = text(
        cluster("a", "http://localhost:1"),
        rare=(RARE, '{a: ["*"]}'),
        gone=(GONE, '{a: ["*"]}'),
        always=(ALWAYS, '{a: ["*"]}'),
    )

    ended = check(file)

    summary, rare, always = ended.out
    assert ended.code == 0
    assert [line.split(": ")[1:3] for line in ended.err] == [
        ["warning", name] for name in ("rare", "gone", "always")
    ]
    assert [int(line.split(":")[1]) for line in ended.err] == [5, 8, 11]
    assert "valid" in summary
    assert "clusters: 1" in summary
    assert rare.startswith("  rare: open")
    assert "02:00 CE" in rare
    assert always == (
        "  always: open since Wed 2020-01-01 00:00 CET, until Sun 2090-01-01 00:00 CET"
    )


def test_programs_get_one_document(check: Check, tmp_path: Path) -> None:
    """A good file is a document without faults, with each warning and what that is about."""
    ended = check(
        text(cluster("a", "http://localhost:1"), gone=(GONE, '{a: ["*"]}')), "--output", "json"
    )

    (warning,) = (found := json.loads("\n".join(ended.out))).pop("warnings")
    assert found == {"file": str(tmp_path / "schedules.yaml"), "ok": True, "faults": []}
    assert warning["path"] == "windows.gone"
    assert warning["message"].startswith("does not open within")
    assert (ended.code, ended.err) == (0, [])


def test_programs_get_every_fault(check: Check) -> None:
    """Faults have their place and path; the exit code is that of an invalid file."""
    ended = check(text(cluster("a", "nonsense"), w=("weekly: {days: [x]}", "{b: [r]}")),
                  "--output", "json")  # fmt: skip

    found = json.loads("\n".join(ended.out))
    assert (ended.code, ended.err, found["ok"]) == (2, [], False)
    assert len(found["faults"]) > 2
    assert all(each.keys() == {"line", "column", "path", "message"} for each in found["faults"])
    assert [each["line"] for each in found["faults"] if each["path"] == "clusters.a.url"] == [3]


def test_programs_are_told_what_is_wrong_with_clusters(check: Check) -> None:
    """A cluster that does not answer is a fault without a line, and so the document is not ok."""
    ended = check(
        text(cluster("a", "http://127.0.0.1:1"), rare=(RARE, '{a: ["*"]}')),
        *("--online", "--output", "json"),
    )

    found = json.loads("\n".join(ended.out))
    assert (ended.code, ended.err, found["ok"]) == (1, [], False)
    assert [(each["line"], each["path"]) for each in found["faults"]] == [(None, "clusters.a")]


@pytest.mark.parametrize(("rule", "code"), [(GONE, 1), (FINE, 0)])
def test_strict_allows_no_warning(check: Check, rule: str, code: int) -> None:
    """With `--strict` a warning ends with 1, and that is said; in JSON it is not ok."""
    file = text(cluster("a", "http://localhost:1"), w=(rule, '{a: ["*"]}'))

    ended, document = check(file, "--strict"), check(file, "--strict", "--output", "json")

    assert (ended.code, document.code) == (code, code)
    assert json.loads("\n".join(document.out))["ok"] is (code == 0)
    assert ended.err[-1:] == (
        ["cbmaintd: --strict: warnings: 1, and none is allowed"] if code else []
    )


def test_without_secrets_nothing_secret_is_read(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a laptop there are no passwords: neither files nor variables are asked for."""
    monkeypatch.delenv("PW")
    files = cluster("a", "https://a.example.com:18097", ", tls: {ca_file: gone.pem}")
    notify = "notify:\n  - {webhook: {file: gone.url}}\n"

    with_secrets = check(text(files, w=(FINE, "{a: [r]}")) + notify)
    without = check(text(files, w=(FINE, "{a: [r]}")) + notify, "--without-secrets", "--strict")

    assert with_secrets.code == 2
    assert (without.code, without.err) == (0, [])


def test_a_file_may_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check FILE` is about that file, whatever the environment says; two files are too many."""
    file = tmp_path / "new.yaml"
    file.write_text(text(cluster("a", "http://localhost:1"), w=(FINE, "{a: [r]}")))
    monkeypatch.setenv("CBMAINTD_CONFIG", "/nowhere.yaml")
    named = ended_(capsys, "check", str(file), "--without-secrets")
    twice = ended_(capsys, "check", str(file), "-c", "/nowhere.yaml")
    both = ended_(capsys, "check", str(file), "--without-secrets", "--online")

    assert (named.code, named.out.splitlines()[0]) == (0, f"{file}: valid; clusters: 1")
    assert (twice.code, "name one file to check" in twice.err) == (2, True)
    assert (both.code, "not --without-secrets" in both.err) == (2, True)


def test_the_hook_of_the_readme_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the README has pre-commit and a CI job run accepts a good file."""
    readme = (Path(__file__).parents[4] / "README.md").read_text()
    commands = re.findall(r"(?:entry: |- )cbmaintd (check .*)", readme)
    (tmp_path / "schedules.yaml").write_text(
        text(cluster("a", "http://localhost:1"), w=(FINE, "{a: [r]}"))
    )
    monkeypatch.chdir(tmp_path)

    codes = [ended_(capsys, *command.split()).code for command in commands]

    assert codes == [0, 0]


def test_a_window_that_never_opens_is_told_once(check: Check) -> None:
    """The warning, which says what to do, stands for the line."""
    ended = check(text(cluster("a", "http://localhost:1"), gone=(GONE, '{a: ["*"]}')))

    assert len(ended.out) == 1
    assert ["warning: gone: does not open within" in line for line in ended.err] == [True]


@pytest.mark.parametrize(
    ("rule", "zone", "said"),
    [
        ("start: 2090-01-11T02:30, end: 2090-01-11T04:30", "Europe/Berlin", "CET, until 04:30 CET"),
        (
            "start: 2090-01-11T23:30, end: 2090-01-12T04:30",
            "Europe/Berlin",
            "CET, until Thu 2090-01-12 04:30 CET",
        ),
        ("start: 2090-01-11T02:30, end: 2090-01-11T04:30", "Asia/Tehran", "+0330, until 04:30"),
        (
            "start: 2026-10-24T12:30, end: 2090-01-11T04:30",
            "Europe/Berlin",
            "CEST (+02:00), until Wed 2090-01-11 04:30 CET (+01:00)",
        ),
    ],
)
def test_times_are_as_short_as_one_understands(rule: str, zone: str, said: str) -> None:
    """The date is said again only if it is another, the offset only near a clock change."""
    start, end = re.findall(r"20[0-9T:-]+", rule)
    once = Once(datetime.fromisoformat(start), datetime.fromisoformat(end))
    now = once.start.replace(tzinfo=UTC) - timedelta(days=1)

    assert said in _next(Window("w", once, ZoneInfo(zone), ()), now)


def test_a_disabled_window_is_called_so(check: Check) -> None:
    """A window that is switched off is listed as such, not as one that never opens."""
    file = text(cluster("a", "http://localhost:1"), w=(f"{RARE}\n    enabled: false", '{a: ["*"]}'))

    assert check(file).out[-1] == "  w: disabled"


def test_what_is_dangerous_is_warned_about(check: Check) -> None:
    """A file may be valid and still be warned about, on stderr, with code 0."""
    file = text(
        cluster("a", "https://localhost:1", ", tls: {verify: false}"), w=(RARE, '{a: ["*"]}')
    )

    ended = check(file)

    warning, advice = ended.err
    assert ended.code == 0
    assert re.search(r"schedules.yaml:3:\d+: warning: clusters.a.tls.verify: ", warning)
    assert re.search(r"schedules.yaml:5:3: warning: w: ", advice)


def test_offline_nobody_is_asked(check: Check, service: Simulator) -> None:
    """Without `--online` no cluster hears of the check."""
    check(text(cluster("a", service.url), w=(RARE, '{a: ["*"]}')))

    assert not service.requests


def test_online_a_good_cluster_is_counted(check: Check, service: Simulator) -> None:
    """A cluster that answers is told with its repositories, and changed in no way."""
    service.pause("archive")

    ended = check(text(cluster("a", service.url), w=(GONE, "{a: [orders]}")), "--online")

    assert (ended.code, ended.err[1:]) == (0, [])
    assert ended.out[-1] == "  a: answers; repositories: 2, paused now: 1"
    assert {seen.method for seen in service.requests} == {"GET"}


def test_online_a_missing_repository_is_a_problem(check: Check, service: Simulator) -> None:
    """A repository that a window names and the cluster does not have is told, with code 1."""
    file = text(cluster("a", service.url), w=(RARE, "{a: [ordres, archive]}"))

    ended = check(file, "--online")

    assert ended.code == 1
    assert ended.err[-1] == "problem: a has no repository ordres, but a window names it"


def test_online_a_disabled_window_asks_for_nothing(check: Check, service: Simulator) -> None:
    """What a disabled window names may be missing."""
    file = text(cluster("a", service.url), w=(f"{RARE}\n    enabled: false", "{a: [ordres]}"))

    assert check(file, "--online").code == 0


def test_online_a_glob_that_matches_nothing_is_warned_about(
    check: Check, service: Simulator
) -> None:
    """Each glob stands for itself; a warning leaves the code at 0."""
    file = text(cluster("a", service.url), w=(GONE, '{a: [orders, "t-*", "arch*", "!x*"]}'))

    ended = check(file, "--online")

    assert ended.code == 0
    assert ended.err[1:] == ["warning: w: t-* matches no repository of a"]


def test_online_an_odd_row_is_warned_about(check: Check, service: Simulator) -> None:
    """A row that is not understood is named; the repositories beside it are there all the same."""
    with Gateway(service.url, lambda _: MODES["lists an unknown state"]) as gateway:
        file = text(cluster("a", gateway.url), w=(GONE, "{a: [orders, archive]}"))

        ended = check(file, "--online")

    assert ended.code == 0
    assert ended.err[1:] == [
        "warning: a lists orders in a way that is not understood: more than one row has this id"
    ]


def test_online_runs_that_will_be_lost_are_warned_about(check: Check, service: Simulator) -> None:
    """A run of a repository that falls into the next opening is named with its local time."""
    file = text(cluster("a", service.url), w=(ALWAYS, "{a: [orders]}"))

    ended = check(file, "--online")

    assert ended.code == 0
    _, *lost, gap = ended.err
    assert len(lost) > 1
    assert all(line.startswith("warning: w: ") for line in lost)
    assert all(" of a/orders " in line for line in lost)
    assert gap.startswith("warning: w: no backup of a/orders for at least ")


def test_online_many_lost_runs_are_counted(check: Check) -> None:
    """The runs of a task that will be lost are one line, for however many repositories."""
    with Simulator([f"r{n}" for n in range(9)], {"u": (PASSWORD, "backup_admin")}) as simulator:
        ended = check(text(cluster("a", simulator.url), w=(ALWAYS, '{a: ["*"]}')), "--online")

    _, *lost, gap = ended.err
    grouped = r"warning: w: \d+ runs of [A-Z]+ \w+ of 9 repositories .* will be lost"
    assert len(lost) == 8
    assert all(re.fullmatch(grouped, line) for line in lost)
    assert " and 8 more for at least " in gap


@pytest.mark.parametrize(("days", "expected"), [(5, ["in 5 d 4 min"]), (20, [])])
def test_online_the_end_of_a_certificate_is_warned_about(
    check: Check, tmp_path: Path, days: int, expected: list[str]
) -> None:
    """A certificate that ends within two weeks is named with the time that is left."""
    authority, files = trustme.CA(), (tmp_path / "chain.pem", tmp_path / "key.pem")
    ends = datetime.now(UTC) + timedelta(days=days, minutes=4, seconds=50)
    issued = authority.issue_cert("127.0.0.1", not_after=ends)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(files[0])
    issued.private_key_pem.write_to_path(files[1])
    users = {"u": (PASSWORD, "backup_admin")}

    with Simulator(["orders"], users, tls=files) as simulator:
        a = cluster("a", simulator.url, ", tls: {ca_file: ca.pem}")
        ended = check(text(a, w=(GONE, "{a: [orders]}")), "--online")

    said = [line for line in ended.err if "a certificate of its nodes ends" in line]
    assert [line.partition(" UTC, ")[2].partition(":")[0] for line in said] == expected


def test_online_every_cluster_has_its_say(check: Check, service: Simulator) -> None:
    """One cluster that is down and one that refuses us do not hide the one that is well."""
    with Simulator(["orders"], {"u": ("another", "admin")}) as strict:
        clusters = (
            cluster("down", "http://127.0.0.1:1")
            + cluster("strict", strict.url)
            + cluster("well", service.url)
        )

        ended = check(text(clusters, w=(GONE, '{"*": [orders]}')), "--online")

    assert ended.code == 1
    assert [line.split(":")[0].strip() for line in ended.out[-3:]] == ["down", "strict", "well"]
    assert [line.split(":")[:2] for line in ended.err[1:]] == [
        ["problem", " down"],
        ["problem", " strict"],
    ]
    assert "refused" in ended.err[1]
    assert "unauthorized" in ended.err[2]


def test_online_nobody_waits_for_long(check: Check, service: Simulator) -> None:
    """However often the daemon would try, a check tries twice."""
    service.fail_next("GET", ".*", count=10, status=503)
    more = cluster("a", service.url).replace("attempts: 2", "attempts: 9")

    ended = check(text(more, w=(GONE, "{a: [orders]}")), "--online")

    assert ended.code == 1
    assert len(service.requests) == 2


@pytest.mark.parametrize(("mode", "warned"), [("", 1), ("?sslmode=verify-full", 0)])
def test_a_database_that_nobody_verifies_is_warned_about(
    mode: str, warned: int, check: Check
) -> None:
    """Without `sslmode=verify-full` anybody on the way may be the ledger."""
    head = f"ledger: postgresql+psycopg://cbmaintd@db.example.com/cbmaintd{mode}\n"
    said = check(
        f'{head}clusters:\n  a: {{url: "http://localhost:1", username: u, password_env: PW}}\n'
        "windows:\n  w:\n    weekly: {days: [sun], start: 02:00, end: 06:00}\n"
        "    repositories: {a: [orders]}\n"
    )

    assert said.code == 0
    assert len([line for line in said.err if "sslmode=verify-full" in line]) == warned


def test_very_many_alike_windows_are_counted(check: Check) -> None:
    """One warning names a few of them, not all."""
    windows = "".join(
        f"  tenant-{number:03}:\n    weekly: {{days: [sun], start: 02:00, end: 06:00}}\n"
        "    repositories: {a: [orders]}\n"
        for number in range(100)
    )
    said = check(
        'clusters:\n  a: {url: "http://localhost:1", username: u, password_env: PW}\n'
        f"windows:\n{windows}"
    )

    (warning,) = (line for line in said.err if "at the same times" in line)
    assert " and 79 more; one of them is enough" in warning
    assert warning.count("tenant-") == 21
