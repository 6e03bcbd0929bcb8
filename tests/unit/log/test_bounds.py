"""How long a line of the log may be, and what is cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.log import events
from daemon.log.bounds import LIMIT, MOST_ENTRIES
from daemon.log.log import Log
from daemon.log.render import LogFormat
from tests.unit.log.written_lines import records, written

FORMATS = (LogFormat.JSON, LogFormat.CONSOLE)
WINDOWS = [f"tenant-{number:05}-nightly-maintenance" for number in range(3000)]
LONG: dict[str, dict[str, Any]] = {
    "windows": {"windows": WINDOWS, "message": "no"},
    "text": {"message": "ü" * 100_000},
    "emoji": {"faults": ["🛠" * 200] * 60},
    "escapes": {"message": "\u202e" * 20_000, "windows": ["\0" * 200] * 60},
    "keys": {f"key{number}": "x" * 200 for number in range(500)},
    "long key": {"k" * 20_000: 1, "message": "stays"},
    "nested": {"missed": {"tasks": WINDOWS}, "runs": [WINDOWS, WINDOWS]},
    "deep": {"deep": {f"k{n}": {"x": "y" * 100} for n in range(1000)}},
}


def line_of(log_format: LogFormat = LogFormat.JSON, **keys: Any) -> str:
    """Return what the log writes of an event with these keys."""
    return written(
        lambda log: log.logger.error(events.HTTP_ATTEMPTED, **keys), log_format=log_format
    )


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("keys", LONG.values(), ids=LONG)
def test_no_line_is_longer_than_16_kib(keys: dict[str, Any], log_format: LogFormat) -> None:
    """Whatever is in it, in bytes of UTF-8 with its end; it begins as every line does."""
    text = line_of(log_format, **keys)

    assert text.count("\n") == 1
    assert len(text.encode()) <= LIMIT
    if log_format is LogFormat.JSON:
        assert "http.attempted" in text
        (line,) = records(text)
        assert list(line)[:3] == ["timestamp", "level", "event"]


@pytest.mark.parametrize("log_format", FORMATS)
@given(
    keys=st.dictionaries(
        st.from_regex(r"\A[a-z]{1,20}\Z").filter(lambda key: key not in {"event", "level"}),
        st.text(max_size=10) | st.lists(st.text(max_size=5)),
        max_size=5,
    ),
    times=st.integers(1, 3000),
)
def test_no_mixture_is_longer(log_format: LogFormat, keys: dict[str, Any], times: int) -> None:
    """Also where each part alone would fit."""
    text = line_of(log_format, **{f"x_{key}": value * times for key, value in keys.items()})

    assert len(text.encode()) <= LIMIT


def test_a_list_is_cut_and_counted() -> None:
    """Fifty entries stay, also in a line that would be short enough; the rest is a number."""
    (cut,) = records(line_of(windows=WINDOWS[:51]))
    (whole,) = records(line_of(windows=WINDOWS[:50]))
    (tiny,) = records(line_of(windows=["a"] * 51))

    assert (cut["windows"], cut["windows_total"]) == (WINDOWS[:50], 51)
    assert (whole["windows"], "windows_total" in whole) == (WINDOWS[:50], False)
    assert (len(tiny["windows"]), tiny["windows_total"]) == (MOST_ENTRIES, 51)


def test_a_list_below_a_key_is_counted_beside_it() -> None:
    """As in `missed`, which names tasks."""
    (line,) = records(line_of(missed={"tasks": WINDOWS}))

    assert len(line["missed"]["tasks"]) == MOST_ENTRIES
    assert line["missed"]["tasks_total"] == 3000


def test_texts_are_cut_before_keys_are() -> None:
    """A long text loses its middle, since a traceback says most at its end; the others stay."""
    (line,) = records(line_of(message=f"begin{'x' * 50_000}end", status=500))

    assert line["status"] == 500
    assert line["message"].startswith("beginx")
    assert line["message"].endswith("xend")
    assert "…" in line["message"] or "\\u2026" in line["message"]


def test_keys_that_do_not_fit_are_counted() -> None:
    """What is left says that something is missing."""
    (line,) = records(line_of(**LONG["keys"]))

    assert line["keys_cut"] + len(line) == 500 + 3 + 1


def test_an_ordinary_line_is_as_it_was() -> None:
    """Nothing is cut or added where it need not be."""
    keys: dict[str, Any] = {"windows": WINDOWS[:50], "message": "m" * 200, "status": None}

    (line,) = records(line_of(**keys))

    assert {key: line[key] for key in keys} == keys
    assert len(line) == 3 + len(keys)


def test_a_bug_that_is_endless_keeps_its_end() -> None:
    """The last line of a traceback names the error."""

    def act(log: Log) -> None:
        log.logger.error("x.y", exc_info=ValueError(f"{'x' * 100_000} the end"))

    text = written(act)

    assert len(text) <= LIMIT
    assert records(text)[0]["traceback"].endswith("xxx the end")
