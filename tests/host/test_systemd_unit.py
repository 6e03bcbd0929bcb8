"""The unit file, judged by the systemd of this machine; nothing is started."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "cbmaintd.service"
PROGRAM = "/opt/cbmaintd/bin/cbmaintd"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    return subprocess.run(
        [str(ANALYZE), *arguments], capture_output=True, text=True, check=False, timeout=300
    )


def settings(section: str) -> dict[str, str]:
    """Read a section of the unit; of a repeated key only the last value."""
    unit = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # as the library documents
    unit.read_string(UNIT.read_text())
    return dict(unit[section])


@needs_systemd
def test_verify_finds_nothing(tmp_path: Path) -> None:
    """systemd-analyze verify is silent about the unit, once its program exists.

    The program is installed by the user and absent here, so a copy names one that is present;
    every other line is the shipped one.
    """
    text = UNIT.read_text()
    installed = tmp_path / UNIT.name
    installed.write_text(text.replace(PROGRAM, str(shutil.which("true"))))

    verdict = analyze("verify", "--man=no", str(installed))

    assert text.count(f"={PROGRAM} ") == 2
    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


@needs_systemd
def test_verify_would_find_a_misspelt_line(tmp_path: Path) -> None:
    """The check above can fail: systemd-analyze verify complains about an unknown setting."""
    broken = tmp_path / UNIT.name
    broken.write_text(UNIT.read_text().replace("TimeoutStopSec=", "TimeoutStoppSec="))

    verdict = analyze("verify", "--man=no", str(broken))

    assert "TimeoutStoppSec" in verdict.stdout + verdict.stderr


@needs_systemd
def test_exposure_is_at_most_1_5() -> None:
    """systemd-analyze security rates the unit 1.5 or better."""
    verdict = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(UNIT))

    assert verdict.returncode == 0, verdict.stdout[-500:]


def test_the_unit_keeps_its_promises() -> None:
    """Start, reload, restart and limits are what the manual tells administrators."""
    unit = settings("Unit")
    service = settings("Service")

    assert unit["StartLimitIntervalSec"] == "0"
    assert set(unit["After"].split()) == {"network-online.target", "time-sync.target"}
    assert service["Type"] == "notify"
    assert service["ExecStart"] == f"{PROGRAM} --config /etc/cbmaintd/schedules.yaml run"
    assert service["ExecReload"] == f"{PROGRAM} --config /etc/cbmaintd/schedules.yaml reload"
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("always", "2")
    assert service["WatchdogSec"] == "60"
    assert service["StateDirectory"] == "cbmaintd"
    assert service["DynamicUser"] == "yes"
    assert service["TasksMax"] == "256"
    assert "MemoryHigh" not in service  # an edit that is large would slow the daemon down
    # A reader that is killed must not take the daemon with it.
    assert (service["MemoryMax"], service["OOMPolicy"]) == ("1G", "continue")


def test_the_drop_in_for_newer_systemd_changes_the_type_alone() -> None:
    """With notify-reload the unit's ExecReload stays, by which a bad edit fails the reload."""
    drop_in = (UNIT.parent / "cbmaintd.service.d/notify-reload.conf").read_text()
    lines = [line for line in drop_in.splitlines() if not line.startswith("#")]

    assert lines == ["[Service]", "Type=notify-reload"]


def test_the_boot_id_stays_visible() -> None:
    """The ledger's clock needs /proc/sys/kernel/random/boot_id, which ProcSubset=pid would hide."""
    assert "ProcSubset" not in settings("Service")
