"""What the log promises: its form, its silence about secrets, and that nobody waits for it."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.log import log as logs
from daemon.log.log import Level, Log, LogFormat, attempt_event

NOON = datetime(2026, 3, 1, 12, 0, 0, 42, tzinfo=UTC)
SOON = timedelta(seconds=20)
AT_ONCE = timedelta(milliseconds=50)

ATTEMPT = Attempt(
    cluster="prod",
    repository="orders",
    action=Action.PAUSE,
    windows=("nightly",),
    method="POST",
    url="https://backup1:18097/api/v1/cluster/self/repository/active/orders/pause",
    attempt=1,
    status=200,
    outcome=Outcome.OK,
    error=None,
    message="",
    started=NOON,
    duration=timedelta(milliseconds=12, microseconds=400),
)


def open_log(
    fd: int,
    log_format: LogFormat = LogFormat.JSON,
    level: Level = Level.INFO,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Log:
    """Return a log whose clock stands at noon."""
    return Log(fd, log_format=log_format, level=level, now=lambda: NOON, environ=environ)


def written(act: Callable[[Log], None], **settings: Any) -> str:
    """Return what a fresh log writes while `act` has it."""
    reader, writer = os.pipe()
    log = open_log(writer, **settings)
    act(log)
    flushed = log.close(SOON)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", newline="\n") as pipe:
        text = pipe.read()
    assert flushed
    return text


def records(text: str) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


class TestLine:
    """One line."""

    def test_starts_with_time_level_and_event(self) -> None:
        """A JSON line has timestamp, level and event first, then its own keys."""
        text = written(lambda log: log.logger.info(logs.CLOCK_STEPPED, by_s=3.5))

        assert text == (
            '{"timestamp": "2026-03-01T12:00:00.000042Z", "level": "info", '
            '"event": "clock.stepped", "by_s": 3.5}\n'
        )

    def test_gives_instants_in_utc(self) -> None:
        """An aware datetime under a key is written in UTC, whatever its zone."""
        start = datetime.fromisoformat("2026-11-23T23:30:00-05:00")

        (line,) = records(written(lambda log: log.logger.info(logs.WINDOW_OPENED, start=start)))

        assert line["start"] == "2026-11-24T04:30:00.000000Z"

    @pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
    @given(value=st.text())
    def test_is_one_line_of_harmless_text(self, log_format: LogFormat, value: str) -> None:
        """No text in a value can add a line or bring a character that controls a terminal."""
        nasty = f"{value}\r\n\x1b[2J\x7f\x85\x9b1m\u2028\u202e\u2066\ud800"
        text = written(
            lambda log: log.logger.error(logs.HTTP_ATTEMPTED, message=nasty, windows=[nasty]),
            log_format=log_format,
        )

        assert text.endswith("\n")
        assert text[:-1].isprintable()

    def test_keeps_the_value_exactly_in_json(self) -> None:
        """Escaping loses nothing: a JSON reader gets the text that was logged."""
        value = 'Zürich "☃"\n\x9b\u202e'

        (line,) = records(written(lambda log: log.logger.info("x.y", message=value)))

        assert line["message"] == value

    def test_below_the_level_is_not_written(self) -> None:
        """--log-level warning lets warnings through and nothing less."""

        def act(log: Log) -> None:
            log.logger.info("x.quiet")
            log.logger.log(Level.DEBUG, "x.quiet")
            log.logger.warning("x.loud")

        assert [line["event"] for line in records(written(act, level=Level.WARNING))] == ["x.loud"]

    def test_of_a_bug_has_a_traceback_without_locals(self) -> None:
        """An exception becomes the text key `traceback`; values of variables are not in it."""

        def act(log: Log) -> None:
            hidden = "hun" + "ter2"
            try:
                int(hidden[:3])
            except ValueError as exc:
                log.logger.error("x.broken", exc_info=exc)  # noqa: TRY400  # the explicit form
                log.logger.exception("x.broken")

        first, second = records(written(act))

        assert first["traceback"] == second["traceback"]
        assert first["traceback"].endswith("with base 10: 'hun'")
        assert "hunter2" not in first["traceback"]
        assert "exc_info" not in first

    @pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
    def test_takes_any_object_as_a_value(self, log_format: LogFormat) -> None:
        """A value that JSON does not know is written as its own text."""
        text = written(
            lambda log: log.logger.info("x.y", path=Path("/etc/x"), day=NOON.date(), what={1}),
            log_format=log_format,
        )

        assert "/etc/x" in text
        assert "2026-03-01" in text
        assert "{1}" in text


class TestConsole:
    """The form for people."""

    def test_reads_as_words(self) -> None:
        """Plain words stand bare, text with spaces is quoted, the rest is JSON."""
        text = written(
            lambda log: log.logger.warning(
                "repository.busy", cluster="prod", tasks=["a b"], message="to do", status=None
            ),
            log_format=LogFormat.CONSOLE,
        )

        assert text == (
            "2026-03-01T12:00:00.000042Z warning  repository.busy "
            "cluster=prod tasks=[\"a b\"] message='to do' status=null\n"
        )

    def test_indents_a_traceback(self) -> None:
        """A bug's traceback follows on lines of its own that cannot be taken for log lines."""

        def act(log: Log) -> None:
            log.logger.error("x.y", exc_info=ValueError("2026-03-01T12 error\x1b[0m\nx.forged"))

        first, *rest = written(act, log_format=LogFormat.CONSOLE).splitlines()

        assert first.endswith("x.y")
        assert rest == ["    ValueError: 2026-03-01T12 error\\x1b[0m", "    x.forged"]

    @pytest.mark.parametrize(
        ("environ", "coloured"),
        [
            ({}, True),
            ({"NO_COLOR": "1"}, False),
            ({"NO_COLOR": ""}, True),
            ({"TERM": "dumb"}, False),
        ],
    )
    def test_is_chosen_and_coloured_on_a_terminal(
        self, environ: dict[str, str], coloured: bool
    ) -> None:
        """On a terminal `auto` means console; NO_COLOR and a dumb terminal turn colours off."""
        reader, terminal = pty.openpty()
        log = open_log(terminal, LogFormat.AUTO, environ=environ)

        log.logger.info("x.y")
        log.close(SOON)
        text = os.read(reader, 4096)
        os.close(terminal)
        os.close(reader)

        assert b"x.y" in text
        assert b"{" not in text
        assert (b"\x1b[" in text) is coloured

    def test_is_not_chosen_for_a_pipe(self) -> None:
        """Off a terminal `auto` means JSON."""
        text = written(lambda log: log.logger.info("x.y"), log_format=LogFormat.AUTO)

        assert records(text)[0]["event"] == "x.y"


def test_losses_have_a_line_of_their_own() -> None:
    """log.dropped is a warning with the number of lines, whatever the level."""
    endless: list[object] = []
    endless.append(endless)

    text = written(lambda log: log.logger.error("x.y", value=endless), level=Level.ERROR)

    assert records(text) == [
        {
            "timestamp": "2026-03-01T12:00:00.000042Z",
            "level": "warning",
            "event": "log.dropped",
            "lines": 1,
        }
    ]


class TestSecrets:
    """The second net."""

    @pytest.mark.parametrize(
        "seen",
        [
            "s3cr3t/päss word",
            quote("s3cr3t/päss word"),
            quote("s3cr3t/päss word", safe=""),
            *(
                base64.b64encode(f"{'u' * length}:s3cr3t/päss word".encode()).decode()
                for length in range(3)
            ),
        ],
    )
    @pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
    def test_no_form_of_a_secret_is_written(self, seen: str, log_format: LogFormat) -> None:
        """A registered secret is replaced, plain, URL-encoded or inside a base64 header."""

        def act(log: Log) -> None:
            log.redact("s3cr3t/päss word")
            log.logger.info("x.y", message=f"got {seen}!", deep=[{"a": (seen,)}], path=Path(seen))
            log.logger.error("x.z", exc_info=ValueError(seen))

        text = written(act, log_format=log_format)

        assert text.count("***") >= 4
        assert seen not in text
        assert seen[4:-4] not in text

    def test_a_type_that_hides_itself_can_be_registered(self) -> None:
        """redact() takes a secret that reveals itself only on request; keys and numbers stay."""

        class Hidden:
            def reveal(self) -> str:
                return "hunter2"

        def act(log: Log) -> None:
            log.redact("another one")
            log.redact(Hidden())
            log.logger.info("x.y", message="hunter2 and another one", status=200, error=None)

        (line,) = records(written(act))

        assert line["message"] == "*** and ***"
        assert (line["status"], line["error"]) == (200, None)

    def test_a_tiny_secret_does_not_mask_the_language(self) -> None:
        """A secret of less than four characters is left alone: masking would spell it out."""

        def act(log: Log) -> None:
            log.redact("")
            log.redact("a")
            log.logger.info("x.y", message="a banana")

        (line,) = records(written(act))

        assert line["message"] == "a banana"


class TestAttempt:
    """The line of one HTTP request."""

    def test_has_exactly_the_keys_of_the_contract(self) -> None:
        """http.attempted of a success is an info with all keys but retry_in_ms."""
        level, event, keys = attempt_event(ATTEMPT)

        assert (level, event) == (Level.INFO, "http.attempted")
        assert keys == {
            "cluster": "prod",
            "repository": "orders",
            "action": "pause",
            "windows": ["nightly"],
            "method": "POST",
            "url": ATTEMPT.url,
            "attempt": 1,
            "status": 200,
            "outcome": "ok",
            "error": None,
            "message": "",
            "duration_ms": 12,
        }

    def test_of_a_retry_is_a_warning_with_its_delay(self) -> None:
        """http.attempted of a retry tells in how many milliseconds the next one leaves."""
        level, _, keys = attempt_event(
            replace(
                ATTEMPT,
                repository=None,
                status=None,
                outcome=Outcome.RETRY,
                error=CallError.TIMEOUT,
                retry_in=timedelta(seconds=1.5),
            )
        )

        assert level is Level.WARNING
        assert (keys["repository"], keys["status"]) == (None, None)
        assert (keys["error"], keys["retry_in_ms"]) == ("timeout", 1500)

    def test_of_a_failure_is_an_error_with_a_bounded_message(self) -> None:
        """http.attempted of a failure carries at most 200 characters of the server's words."""
        level, _, keys = attempt_event(
            replace(
                ATTEMPT, outcome=Outcome.FAILED, error=CallError.SERVER_ERROR, message="m" * 1000
            )
        )

        assert level is Level.ERROR
        assert keys["message"] == "m" * 200

    def test_goes_through_the_logger_as_it_is(self) -> None:
        """What attempt_event gives can be passed on to Logger.log unchanged."""
        level, event, keys = attempt_event(ATTEMPT)

        (line,) = records(written(lambda log: log.logger.log(level, event, **keys)))

        assert line == {
            "timestamp": "2026-03-01T12:00:00.000042Z",
            "level": "info",
            "event": "http.attempted",
            **keys,
        }


EVENTS_OF_THE_CONTRACT = """
    daemon.started daemon.stopping daemon.stopped config.applied config.rejected
    window.opened window.closed http.attempted
    repository.paused repository.resumed repository.failed repository.left repository.drifted
    repository.busy cluster.unreachable cluster.recovered clock.stepped log.dropped
"""


def test_event_names_are_noun_and_verb() -> None:
    """Events are distinct constants of the form noun.verbed, those monitors rely on among them."""
    constants = [value for name, value in vars(logs).items() if name.isupper()]
    events = [value for value in constants if isinstance(value, str)]

    assert set(EVENTS_OF_THE_CONTRACT.split()) <= set(events)
    assert len(set(events)) == len(events)
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+", name) for name in events)
