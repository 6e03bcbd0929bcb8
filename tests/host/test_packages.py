"""The wheel and the source archive: what is in them, and what they say of themselves."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from packaging.metadata import Metadata
from packaging.specifiers import SpecifierSet

from daemon import __version__
from tests.host.installation import LEFT_BEHIND, ROOT, Built, build_into, once

pytestmark = pytest.mark.skipif(not find_spec("build"), reason="needs build")

SHARED = f"cbmaintd-{__version__}.data/data/share/cbmaintd/"
ABOUT = f"cbmaintd-{__version__}.dist-info/"
AROUND = {"PKG-INFO", "README.md", "MANIFEST.in", "pyproject.toml", "setup.cfg"}
"""What a source archive has beside what is installed."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return what was built from this checkout."""
    return Built.below(once(tmp_path_factory, "built", build_into))


def unpacked(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def names(archive: Path) -> set[str]:
    """Return the names of the files of a source archive, below its folder."""
    with tarfile.open(archive) as tar:
        return {member.name.partition("/")[2] for member in tar if member.isfile()}


def ours(folder: str) -> set[str]:
    """Return the files of a folder of this checkout, without what is made by running."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not any(map(is_made, path.parts))}


def is_made(name: str) -> bool:
    """Check whether a file or folder of this name is made by running something."""
    return any(fnmatch(name, pattern) for pattern in LEFT_BEHIND)


def test_the_archive_makes_the_same_wheel(built: Built) -> None:
    """Whoever builds from the source archive gets, file for file, what a checkout gives."""
    assert unpacked(built.rebuilt) == unpacked(built.wheel)


def test_the_wheel_has_the_package_and_what_is_shipped(built: Built) -> None:
    """It has all files of daemon/ and systemd/, the example, and nothing else."""
    shared = {"schedules.yaml", *ours("systemd")} - {"systemd/Containerfile"}
    found = {name for name in unpacked(built.wheel) if not name.startswith(ABOUT)}

    assert found == ours("daemon") | {SHARED + name for name in shared}


def test_the_archive_has_nothing_that_lay_about(built: Built) -> None:
    """It has what makes the wheel and the image: no test, secret, cache, or folder of a tool."""
    about_itself = {name for name in names(built.archive) if name.startswith("cbmaintd.egg-info/")}
    found = names(built.archive) - about_itself - AROUND

    assert found == ours("daemon") | ours("systemd") | {"schedules.yaml", "requirements.lock"}


def test_the_metadata_is_valid(built: Built) -> None:
    """An index would take it; version, Pythons and text are those of this checkout."""
    metadata = Metadata.from_email(unpacked(built.wheel)[f"{ABOUT}METADATA"], validate=True)
    classified = {
        text.rpartition(" ")[2]
        for text in metadata.classifiers or []
        if re.search(r":: 3\.\d+$", text)
    }

    assert (metadata.name, str(metadata.version)) == ("cbmaintd", __version__)
    assert metadata.requires_python == SpecifierSet(">=3.11")
    assert all(map(metadata.requires_python.contains, classified))
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in classified
    assert metadata.description_content_type == "text/markdown"


def test_no_licence_is_claimed(built: Built) -> None:
    """The owner has chosen none: nothing in the package says otherwise."""
    metadata = Metadata.from_email(unpacked(built.wheel)[f"{ABOUT}METADATA"], validate=True)

    assert metadata.license is None
    assert metadata.license_expression is None
    assert not metadata.license_files
    assert not [text for text in metadata.classifiers or [] if text.startswith("License")]


def test_the_description_is_the_readme(built: Built) -> None:
    """An index would show README.md whole: every heading of it is one in CommonMark, too."""
    metadata = Metadata.from_email(unpacked(built.wheel)[f"{ABOUT}METADATA"], validate=True)
    readme = (ROOT / "README.md").read_text()
    tokens = MarkdownIt("commonmark").parse(metadata.description or "")
    rendered = [text.content for token, text in pairwise(tokens) if token.type == "heading_open"]
    prose = re.sub(r"^ *```.*?^ *```$", "", readme, flags=re.MULTILINE | re.DOTALL)

    assert (metadata.description or "").strip() == readme.strip()
    assert rendered == re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
