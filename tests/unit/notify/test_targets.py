"""Who is told of what."""

from __future__ import annotations

import pytest

from daemon.notify.kinds.slack import SLACK
from daemon.notify.targets import Target


@pytest.mark.parametrize(
    ("globs", "windows", "expected"),
    [
        (("*",), ("night",), True),
        (("night",), ("day", "night"), True),
        (("night-*",), ("night",), False),
        # What is about no window, as a cluster that does not answer, is for everybody.
        (("night",), (), True),
    ],
)
def test_a_target_may_choose_windows(
    globs: tuple[str, ...], windows: tuple[str, ...], *, expected: bool
) -> None:
    """A target hears of the windows that it names, and of what is about none."""
    target = Target("t", SLACK, url_env="URL", windows=globs)

    assert target.is_about(windows) is expected
