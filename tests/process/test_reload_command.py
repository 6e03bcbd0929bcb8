"""`cbmaintd reload` beside a running daemon: it waits, and says what came of the edit."""

from __future__ import annotations

import json

from tests.process.conftest import Stage, once

BAD = "  night:\n    weekly: {days: [someday], start: 02:00, end: 06:00}\n"


def test_a_good_edit_is_in_force_when_it_returns(stage: Stage) -> None:
    """When `reload` has ended with 0, the window that the edit opened is the daemon's."""
    stage.simulate("prod", "orders")
    stage.write(once("later", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    stage.write(once("night", -60, 600))
    done = stage.ask("reload")
    opened = json.loads(stage.ask("status", "--output", "json").stdout)["open"]
    # The daemon may see the edit by itself first; it is said once all the same.
    applied = daemon.wait_for("config.applied", 2)[1]
    daemon.stop()

    assert (done.returncode, done.stderr) == (0, "")
    # The daemon may have seen the edit before the command looked; then nothing is different.
    first, *changes = done.stdout.splitlines()
    assert first == "The file is in force."
    if changes[0] != "It was in force already: nothing has changed.":
        assert changes[:2] == ["added: windows.night", "removed: windows.later"]
        assert [line.split()[:2] for line in changes[3:]] == [
            ["night", "appears"],
            ["later", "vanishes"],
        ]
    assert [opening["window"] for opening in opened] == ["night"]
    assert applied["added"] == ["windows.night"]


def test_a_bad_edit_fails_with_its_faults(stage: Stage) -> None:
    """A rejected edit ends with 2 and every fault; so does a second try; `status` shows them."""
    stage.simulate("prod", "orders")
    stage.write(once("later", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    stage.write(BAD)
    first, second = stage.ask("reload"), stage.ask("reload")
    status = stage.ask("status")
    daemon.stop()

    for done in (first, second):
        assert (done.returncode, done.stdout) == (2, "")
        assert "schedules.yaml:" in done.stderr
        assert '"someday" is not a day' in done.stderr
        assert "the file was rejected; the previous configuration stays in force" in done.stderr
    assert '"someday" is not a day' in status.stdout.replace("\n", " ")


def test_without_a_daemon_it_fails(stage: Stage) -> None:
    """Where no daemon runs there is nothing to wait for: one line, code 1."""
    stage.simulate("prod", "orders")
    stage.write(once("later", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("config.applied")
    daemon.stop()

    done = stage.ask("reload")

    assert done.returncode == 1
    assert done.stderr == "cbmaintd: no daemon runs on this ledger: start one with cbmaintd run\n"


def test_a_setting_beside_windows_is_named_and_a_warning_said_once(stage: Stage) -> None:
    """An edit of a setting is named in the log and by `reload`; what was warned of stays said."""
    stage.simulate("prod", "orders")
    (stage.folder / "off.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    windows = once(
        "later", 3600, 7200, more="    exclude: [off]\nexclusions:\n  off: {ics: off.ics}\n"
    )
    stage.write(windows)
    daemon = stage.start()
    daemon.wait_for("config.warned")

    stage.write(windows, top="resync: 7s\n")
    applied = daemon.wait_for("config.applied", 2)[1]
    done = stage.ask("reload")
    daemon.stop()

    assert (applied["added"], applied["removed"], applied["changed"]) == ([], [], ["resync"])
    assert done.stdout.splitlines()[1:] == ["It was in force already: nothing has changed."]
    assert len(daemon.events("config.warned")) == 1
