"""`cbmaintd check --online`: what it says of clusters, and that nobody waits for long."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES, Mode
from tests.evil.server import answer
from tests.unit.cli.commands.check_kit import (
    ALWAYS,
    GONE,
    PASSWORD,
    RARE,
    Check,
    cluster,
    text,
)


def placed(lines: Sequence[str]) -> list[str]:
    """Return warnings from the line of the file on."""
    return [line.partition("schedules.yaml:")[2] for line in lines]


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
    assert placed(ended.err[1:]) == ["5:3: warning: windows.w: t-* matches no repository of a"]


def test_online_an_odd_row_is_warned_about(check: Check, service: Simulator) -> None:
    """A row that is not understood is named; the repositories beside it are there all the same."""
    with Gateway(service.url, lambda _: MODES["lists an unknown state"]) as gateway:
        file = text(cluster("a", gateway.url), w=(GONE, "{a: [orders, archive]}"))

        ended = check(file, "--online")

    assert ended.code == 0
    (said,) = placed(ended.err[1:])
    assert said.startswith("3:3: warning: clusters.a: lists orders in a way that is not understood")


def test_online_many_odd_rows_are_counted(check: Check, service: Simulator) -> None:
    """No more than twenty are named one by one."""
    rows = json.dumps([{"id": f"r{number}", "state": "?"} for number in range(23)]).encode()
    mode = Mode("lists odd rows alone", lambda talk, _: answer(200, rows)(talk), None, None)
    with Gateway(service.url, lambda _: mode) as gateway:
        ended = check(text(cluster("a", gateway.url), w=(GONE, '{a: ["*"]}')), "--online")

    odd = [line for line in placed(ended.err) if ": clusters.a: lists " in line]
    assert len(odd) == 21
    assert odd[-1] == "3:3: warning: clusters.a: lists 3 more rows in such a way"


def test_online_runs_that_will_be_lost_are_warned_about(check: Check, service: Simulator) -> None:
    """A run of a repository that falls into the next opening is named with its local time."""
    file = text(cluster("a", service.url), w=(ALWAYS, "{a: [orders]}"))

    ended = check(file, "--online")

    assert ended.code == 0
    _, *lost, gap = ended.err
    assert len(lost) > 1
    assert all(line.startswith("5:3: warning: windows.w: ") for line in placed(lost))
    assert all(" of a/orders " in line for line in lost)
    assert placed([gap])[0].startswith(
        "5:3: warning: windows.w: no backup of a/orders for at least "
    )


def test_online_many_lost_runs_are_counted(check: Check) -> None:
    """The runs of a task that will be lost are one line, for however many repositories."""
    with Simulator([f"r{n}" for n in range(9)], {"u": (PASSWORD, "backup_admin")}) as simulator:
        ended = check(text(cluster("a", simulator.url), w=(ALWAYS, '{a: ["*"]}')), "--online")

    _, *lost, gap = ended.err
    grouped = r"5:3: warning: windows.w: \d+ runs of [A-Z]+ \w+ of 9 repositories .* will be lost"
    assert len(lost) == 9
    assert all(re.fullmatch(grouped, line) for line in placed(lost))
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
