"""`cbmaintd check`: what it says of a good file, to people and to programs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.commands.check import _next
from daemon.simulator.server import Simulator
from daemon.windows.rules import Once
from daemon.windows.window import Window
from tests import manual
from tests.unit.cli.commands.check_kit import (
    ALWAYS,
    FINE,
    GONE,
    RARE,
    Check,
    cluster,
    text,
)
from tests.unit.cli.ended import ended as ended_


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
        ["warning", f"windows.{name}"] for name in ("rare", "gone", "always")
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
    assert (both.code, "does not go with --without-secrets" in both.err) == (2, True)


def test_the_hook_of_the_manual_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the manual has pre-commit and a CI job run accepts a good file."""
    commands = re.findall(r"(?:entry: |- )cbmaintd (check .*)", manual.page("commands"))
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
    assert ["warning: windows.gone: does not open within" in line for line in ended.err] == [True]


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
    assert re.search(r"schedules.yaml:5:3: warning: windows.w: ", advice)


def test_offline_nobody_is_asked(check: Check, service: Simulator) -> None:
    """Without `--online` no cluster hears of the check."""
    check(text(cluster("a", service.url), w=(RARE, '{a: ["*"]}')))

    assert not service.requests


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
