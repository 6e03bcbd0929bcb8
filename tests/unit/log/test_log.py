"""What the log promises: its lines, its silence about secrets, and the line of each request."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.log.events import Level
from daemon.log.log import Log, attempt_event
from daemon.log.render import LogFormat
from daemon.wording import printable
from tests.unit.log.written_lines import NOON, records, written

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


class TestLine:
    """One line."""

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

    @pytest.mark.parametrize(
        "secret", ['say "it"', "back\\slash", "two\nlines", "\ud800 lone", "🔑" * 4]
    )
    def test_one_that_json_escapes_is_found_in_its_line(self, secret: str) -> None:
        """The line is searched as it is written, where a secret may stand escaped."""

        def act(log: Log) -> None:
            log.redact(secret)
            log.logger.info("x.y", message=f"got {secret}!", secret_of=["prod"])

        (line,) = records(written(act))

        assert line["message"] == "got ***!"
        assert line["secret_of"] == ["prod"]

    def test_a_secret_is_masked_where_it_was_escaped_before(self) -> None:
        """What a server repeats is printable by the time it is logged."""

        def act(log: Log) -> None:
            log.redact("s3cr3t\u200bw\u00f6rd\u202e")
            log.logger.info("x.y", message=printable("got s3cr3t\u200bw\u00f6rd\u202e!"))

        (line,) = records(written(act))

        assert line["message"] == "got ***!"

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

    @pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
    def test_one_of_very_many_is_found_as_well(self, log_format: LogFormat) -> None:
        """Of a thousand passwords each is masked, wherever it stands and whatever begins alike."""
        secrets = [f"{number:04}-of-many" for number in range(1000)]
        secrets += [f"alike-{number:04}" for number in range(20)]
        quoted = secrets[::11]

        def act(log: Log) -> None:
            for secret in secrets:
                log.redact(secret)
            for secret in quoted:
                log.logger.info("x.y", message=f"{secret} {quote(secret)}{secret}")
            log.logger.info("x.z", message="0001 and alike-of-many")

        text = written(act, log_format=log_format)

        assert text.count("*** ******") == len(quoted)
        assert not [secret for secret in secrets if secret in text]
        assert "0001 and alike-of-many" in text

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
