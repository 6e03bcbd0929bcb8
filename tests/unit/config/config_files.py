"""Small files to read, and what comes of them: settings, or faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from types import MappingProxyType

import pytest

from daemon.config.days.attachments import Attachments
from daemon.config.settings import Settings, parse
from daemon.errors import ConfigError
from daemon.service.cluster import ClusterSettings
from daemon.windows.window import Window

ENVIRON: Mapping[str, str] = MappingProxyType({"PW": "secret"})
CLUSTERS = """\
clusters:
  prod-eu: {url: "https://eu:18097", username: u, password_env: PW, labels: {env: prod, at: eu}}
  prod-us: {url: "https://us:18097", username: u, password_env: PW, labels: {env: prod, at: us}}
  test: {url: "http://localhost:8097", username: u, password_env: PW}
"""
EXCLUSIONS = "exclusions:\n  freeze: [2026-12-20..2027-01-03]\n"
RULE = "weekly: {days: [mon], start: 02:00, end: 06:00}"
REPOSITORIES = 'repositories: {test: ["*"]}'


def read(
    text: str, folder: Path = Path("/nowhere"), environ: Mapping[str, str] = ENVIRON
) -> Settings:
    """Return the settings of a text."""
    return parse(text.encode(), "f.yaml", environ=environ, attachments=Attachments(folder))


def faults(
    text: str, folder: Path = Path("/nowhere"), environ: Mapping[str, str] = ENVIRON
) -> list[str]:
    """Return the faults of a text as a user sees them."""
    with pytest.raises(ConfigError) as raised:
        read(text, folder, environ)
    return str(raised.value).splitlines()


def file_with(*lines: str) -> str:
    """Return a file with one window of these lines; the first of them is line 9."""
    body = indent("\n".join(lines), "    ")
    return f"{CLUSTERS}{EXCLUSIONS}windows:\n  w:\n{body}\n"


def window_of(*lines: str) -> Window:
    """Return the one window of a file with these lines in it."""
    return read(file_with(*lines)).windows["w"]


def cluster_of(lines: str, folder: Path = Path("/nowhere")) -> ClusterSettings:
    """Return the one cluster of a file."""
    text = f"windows: {{}}\nclusters:\n  prod:\n{indent(lines, '    ')}\n"
    return read(text, folder).clusters["prod"]


def cluster_faults(lines: str, folder: Path = Path("/nowhere")) -> list[str]:
    """Return the faults of a file with one cluster, without the path to the cluster.

    The first line of the cluster is line 4.
    """
    text = f"windows: {{}}\nclusters:\n  prod:\n{indent(lines, '    ')}\n"
    return [fault.replace("clusters.prod", "@") for fault in faults(text, folder)]
