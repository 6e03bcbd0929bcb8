"""When a file that changed counts as written."""

from __future__ import annotations

from pathlib import Path

from daemon.config.days.attachments import Attachments
from daemon.config.file_watch import Content, Watch


def test_a_file_counts_once_it_is_no_longer_written(tmp_path: Path) -> None:
    """While each poll reads something else, nothing is returned: half a file may be valid, too."""
    path = tmp_path / "schedules.yaml"
    path.write_bytes(b"a")
    watch = Watch(path, b"a", Attachments(tmp_path))
    polled = []

    for text in (b"a", b"ab", b"abc", b"abcd", b"abcd", b"abcd"):
        path.write_bytes(text)
        polled.append(watch.poll())

    assert polled == [None, None, None, None, Content(b"abcd"), None]
