"""Reading the file again: when that is due, what is kept of it, and that others may run."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemon.config.days.attachments import Attachments
from daemon.config.reading.process import no_garbage_collection
from daemon.config.settings import parse
from daemon.errors import ConfigError
from daemon.runtime.parts import DaemonParts
from daemon.runtime.reload import JUST_NOW_S, ConfigFile
from tests.unit.config.config_files import REPOSITORIES, RULE, file_with
from tests.unit.config.reading.test_process import LONG, children

GOOD = file_with(RULE, REPOSITORIES)
LACKING = GOOD.replace("password_env: PW", "password_file: new.password")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is, which is good."""
    path = tmp_path / "schedules.yaml"
    path.write_text(GOOD)
    return path


def watched(
    path: Path, environ: dict[str, str], uptime_s: Callable[[], float] = time.monotonic
) -> ConfigFile:
    """Return the file of a daemon that has started with it."""
    attachments = Attachments(path.parent)
    settings = parse(path.read_bytes(), str(path), environ=environ, attachments=attachments)
    return ConfigFile(DaemonParts(settings, path, path.parent, (), {}), environ, uptime_s)


def test_a_file_that_did_not_change_is_left_alone(path: Path) -> None:
    """What the daemon started with is not read again."""
    file = watched(path, {"PW": "x"})

    assert [file.poll(), file.poll()] == [None, None]
    assert not file.is_rejected


def test_a_changed_file_is_read_once(path: Path) -> None:
    """A change is returned when it has come to rest, and not again after it was judged."""
    file = watched(path, {"PW": "x"})
    path.write_text(GOOD.replace("02:00", "03:00"))
    polled = [file.poll(), file.poll()]
    assert polled[1] is not None

    settings = file.parse(polled[1])

    assert polled[0] is None
    assert settings.text == path.read_bytes()
    assert [file.poll(), file.poll()] == [None, None]


def test_a_rejected_file_is_not_tried_again(path: Path) -> None:
    """A file with faults is rejected until it is edited once more."""
    file = watched(path, {"PW": "x"})
    path.write_text("windows: 1\n")

    with pytest.raises(ConfigError):
        file.parse(file.read())
    later = [file.poll(), file.poll()]
    path.write_text(GOOD)
    file.parse(file.read())

    assert later == [None, None]
    assert not file.is_rejected


def test_what_the_start_rejected_is_no_news(path: Path) -> None:
    """Its faults are logged once, not again when the file is first looked at; later ones are."""
    environ, beside = {"PW": "x"}, Attachments(path.parent)
    settings = parse(path.read_bytes(), str(path), environ=environ, attachments=beside)
    path.write_text("windows: 1\n")
    with pytest.raises(ConfigError) as rejected:
        parse(path.read_bytes(), str(path), environ=environ, attachments=beside)
    parts = DaemonParts(settings, path, path.parent, (), {}, rejected=rejected.value)
    file = ConfigFile(parts, environ)
    known = []

    for text in ("windows: 1\n", "windows: 2\n", "windows: 1\n"):
        path.write_text(text)
        content = next(filter(None, (file.poll() for _ in range(3))))
        with pytest.raises(ConfigError):
            file.parse(content)
        known.append(file.is_known)

    assert known == [True, False, False]


def test_a_reading_that_was_ended_from_outside_is_repeated(path: Path) -> None:
    """Whatever killed it may be over: the edit is not refused until somebody edits once more."""
    file = watched(path, {"PW": "x"})
    path.write_text(LONG)
    before = children()
    with ThreadPoolExecutor(1) as pool:
        parsing = pool.submit(file.parse, file.read())
        while children() == before and not parsing.done():
            os.sched_yield()
        os.kill(int((set(children()) - set(before)).pop()), signal.SIGKILL)
        refused = parsing.exception()

    again = next(filter(None, (file.poll() for _ in range(200))), None)

    assert "SIGKILL" in str(refused)
    assert again is not None
    assert again.text == path.read_bytes()


def test_a_request_just_after_a_noticed_change_is_about_that(path: Path) -> None:
    """What was noticed and is asked for at once is known; a later request is one of its own."""
    uptime = [0.0]
    file = watched(path, {"PW": "x"}, lambda: uptime[0])
    file.read()
    first = file.is_known
    path.write_text(GOOD.replace("02:00", "03:00"))
    while (noticed := file.poll()) is None:
        pass
    by_itself = file.is_known

    asked = file.read()
    at_once = file.is_known
    uptime[0] = JUST_NOW_S
    file.read()
    later = file.is_known
    path.write_text(GOOD)
    uptime[0] = 1.0
    file.read()

    assert asked == noticed
    assert (first, by_itself, at_once, later, file.is_known) == (False, False, True, False, False)


def test_a_file_waits_for_its_secrets(path: Path) -> None:
    """A file that lacks nothing but a secret is returned again when that is there."""
    file = watched(path, {"PW": "x"})
    path.write_text(LACKING)
    with pytest.raises(ConfigError):
        file.parse(file.read())
    before, was_rejected = file.poll(), file.is_rejected

    secret = path.with_name("new.password")
    secret.touch(mode=0o600)
    secret.write_text("y")
    after = file.poll()

    assert (before, was_rejected) == (None, True)
    assert after is not None
    assert file.parse(after).text == LACKING.encode()


def test_garbage_is_collected_again_whatever_happens() -> None:
    """Inside none is collected; an error ends that."""
    inside: list[bool] = []

    @no_garbage_collection()
    def fail() -> None:
        inside.append(gc.isenabled())
        raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert inside == [False]
    assert gc.isenabled()
