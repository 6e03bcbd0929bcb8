"""A volume as the kubelet keeps it for a ConfigMap or a Secret: links to links, swapped whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path


class Volume:
    """A folder with one link for each key; all lead through `..data`, which is what is swapped.

    The kubelet's AtomicWriter does it in this order:

    1. A folder with the time in its name gets the new files.
    2. A link to it, `..data_tmp`, is renamed over `..data`.
    3. Keys that are new get their links, those that are gone lose them.
    4. The folder before is removed.
    """

    def __init__(self, folder: Path, *, mode: int = 0o644, group: int = -1) -> None:
        """Begin an empty one; only root may give its files to another *group*."""
        self.folder = folder
        self._mode = mode
        self._group = group
        self._numbers = count(1)
        folder.mkdir(mode=0o755)

    @property
    def files(self) -> set[Path]:
        """The files as they lie now, without the links to them."""
        return {path.resolve() for path in self.folder.iterdir() if path.is_file()}

    def publish(self, files: Mapping[str, str]) -> None:
        """Swap everything in it for *files*, texts by their names."""
        before = {path for path in self.folder.iterdir() if path.is_dir() and not path.is_symlink()}
        new = self.folder / f"..2026_11_26_12_00_{next(self._numbers):02}.123456789"
        new.mkdir(mode=0o755)
        for name, text in files.items():
            self._write(new / name, text)
        link = self.folder / "..data_tmp"
        link.symlink_to(new.name)
        link.replace(self.folder / "..data")
        self._link(files)
        for former in before:
            shutil.rmtree(former)

    def _write(self, file: Path, text: str) -> None:
        file.touch(mode=0o600)
        file.write_text(text)
        os.chown(file, -1, self._group)
        file.chmod(self._mode)

    def _link(self, keys: Iterable[str]) -> None:
        names = set(keys)
        seen = {path.name for path in self.folder.iterdir() if not path.name.startswith("..")}
        for name in names - seen:
            (self.folder / name).symlink_to(f"..data/{name}")
        for name in seen - names:
            (self.folder / name).unlink()
