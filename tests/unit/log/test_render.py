"""The form of a line: JSON for machines, words for a terminal."""

from __future__ import annotations

import os
import pty
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.log import events
from daemon.log.log import Log
from daemon.log.render import LogFormat
from tests.unit.log.written_lines import NOON, SOON, open_log, records, written


class TestLine:
    """One line."""

    def test_starts_with_time_level_and_event(self) -> None:
        """A JSON line has timestamp, level and event first, then its own keys."""
        text = written(lambda log: log.logger.info(events.CLOCK_STEPPED, by_s=3.5))

        assert text == (
            '{"timestamp": "2026-03-01T12:00:00.000042Z", "level": "info", '
            '"event": "clock.stepped", "by_s": 3.5}\n'
        )

    def test_gives_instants_in_utc(self) -> None:
        """An aware datetime under a key is written in UTC, whatever its zone."""
        start = datetime.fromisoformat("2026-11-23T23:30:00-05:00")

        (line,) = records(written(lambda log: log.logger.info(events.WINDOW_OPENED, start=start)))

        assert line["start"] == "2026-11-24T04:30:00.000000Z"

    @pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
    @given(value=st.text())
    def test_is_one_line_of_harmless_text(self, log_format: LogFormat, value: str) -> None:
        """No text in a value can add a line or bring a character that controls a terminal."""
        nasty = f"{value}\r\n\x1b[2J\x7f\x85\x9b1m\u2028\u202e\u2066\ud800"
        text = written(
            lambda log: log.logger.error(events.HTTP_ATTEMPTED, message=nasty, windows=[nasty]),
            log_format=log_format,
        )

        assert text.endswith("\n")
        assert text[:-1].isprintable()

    def test_is_harmless_in_json_also_when_it_is_decoded(self) -> None:
        """A JSON reader gets visible text as it was logged, and the rest in escapes: `jq -r`."""
        value = 'Zürich "☃"\n\x9b\u202e'

        (line,) = records(
            written(lambda log: log.logger.info("x.y", message=value, deep=[{value: value}]))
        )

        shown = 'Zürich "☃"\\n\\x9b\\u202e'
        assert line["message"] == shown
        assert line["deep"] == [{shown: shown}]

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

    def test_indents_a_traceback(self) -> None:
        """A bug's traceback follows on lines of its own that cannot be taken for log lines."""

        def act(log: Log) -> None:
            log.logger.error("x.y", exc_info=ValueError("2026-03-01T12 error\x1b[0m\nx.forged"))

        first, *rest = written(act, log_format=LogFormat.CONSOLE).splitlines()

        assert "x.y" in first
        assert rest == [
            f"{' ' * 10}ValueError: 2026-03-01T12 error\\x1b[0m",
            f"{' ' * 10}x.forged",
        ]

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
