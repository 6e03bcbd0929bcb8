"""Files that users name: read whole or refused, and none keeps anything open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.host.files import open_regular, read_beginning, read_data, read_regular

READERS: list[Callable[[Path], object]] = [
    lambda path: read_regular(path, 10),
    lambda path: read_data(path, 10),
    lambda path: read_beginning(path, 10),
    lambda path: open_regular(path, os.O_RDONLY),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_refused_is_closed(
    read: Callable[[Path], object], make: Callable[[Path], None], tmp_path: Path
) -> None:
    """A folder or a FIFO is refused at once, and leaves no descriptor behind."""
    place = tmp_path / "odd"
    make(place)
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        with pytest.raises(OSError, match=r"is not a regular file|Is a directory"):
            read(place)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """Whole, if it is no longer than allowed; else it is refused, or its beginning is returned."""
    place = tmp_path / "text"
    place.write_bytes(b"0123456789")
    whole = read_regular(place, 10), read_data(place, 10), read_beginning(place, 10)

    assert whole == (b"0123456789",) * 3
    assert read_beginning(place, 3) == b"012"
    with pytest.raises(OSError, match="is larger than 9 bytes"):
        read_data(place, 9)
