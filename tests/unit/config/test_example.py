"""The example at the top of the project: it loads, shows every key, and survives being spoilt."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.config.days.attachments import Attachments
from daemon.config.document import read
from daemon.config.faults import Place, sections
from daemon.config.reading.process import load
from daemon.config.sections import FileSection
from daemon.config.settings import Settings, difference, parse
from daemon.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "schedules.yaml"
CONTENT = EXAMPLE.read_bytes()
SECRETS = ("prod-eu.password", "prod-ca.pem", "prod-us.pem", "prod-us.key")
# The example with what stands there as a comment, since few need it.
WHOLE = re.sub(rb"(?m)^# (?=notify:$|  )", b"", CONTENT)
URLS = {
    "slack.url": "https://x/y",
    "patching.ping": "https://x/y",
    "mail.url": "mailto://a:b@example.com",
    "pager.token": "Bearer x",
    "alertmanager.url": "https://x/",
}
BESIDE = Attachments(Path("/nowhere"))
ENVIRON = {"STAGING_PASSWORD": "secret", "PAGER_URL": "https://x/y"}


@pytest.fixture
def loaded(tmp_path: Path) -> Settings:
    """Load a copy of the example that has its secrets beside it."""
    for name in SECRETS:
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0o600)
    (tmp_path / EXAMPLE.name).write_bytes(CONTENT)
    return load(tmp_path / EXAMPLE.name, environ=ENVIRON)


def test_the_example_loads(loaded: Settings) -> None:
    """The documented example is valid, and warns of nothing but the http that it shows."""
    assert set(loaded.clusters) == {"prod-eu", "prod-us", "staging"}
    assert len(loaded.windows) == 6
    (warning,) = loaded.warnings
    assert "clusters.staging.url: http://staging.example.com:8097 is not encrypted" in warning.text


def test_the_example_opens(loaded: Settings) -> None:
    """Every window of the example opens at some time, but the one that is switched off."""
    start = datetime(2026, 9, 1, tzinfo=UTC)

    silent = [
        name
        for name, window in loaded.windows.items()
        if not window.openings(start, start + timedelta(days=120))
    ]

    assert silent == ["storage-snapshots"]


def test_nothing_but_secrets_is_missing_in_the_example() -> None:
    """Where the secrets are not there, they are all that is wrong with it."""
    with pytest.raises(ConfigError) as raised:
        load(EXAMPLE, environ={})

    paths = [fault.path.removeprefix("clusters.") for fault in raised.value.faults]
    assert paths == [
        "prod-eu.password_file",
        "prod-eu.tls.ca_file",
        "prod-us.tls.client_cert",
        "prod-us.tls.client_key",
        "staging.password_env",
    ]


def test_what_is_a_comment_in_the_example_is_valid(loaded: Settings) -> None:
    """The part that is a comment can be used as it stands."""
    folder = Path(loaded.path).parent
    for name, url in URLS.items():
        (folder / name).write_text(url)
        (folder / name).chmod(0o600)
    (folder / "whole.yaml").write_bytes(WHOLE)

    whole = load(folder / "whole.yaml", environ=ENVIRON)

    # Read by another process, nothing in it counts as changed.
    assert difference(load(folder / "whole.yaml", environ=ENVIRON), whole) == {
        "added": [],
        "removed": [],
        "changed": [],
    }
    assert [target.name for target in whole.notify] == [
        "slack-1",
        "ping_url-2",
        "pager",
        "alertmanager-4",
        "apprise-5",
    ]


def test_the_example_shows_every_key() -> None:
    """Each key that there is stands somewhere in the example."""
    root = read(WHOLE).root
    assert root
    found = list(sections(Place(root), FileSection))

    shown = {key for place, section in found for key in filter(place.has, section.known_keys())}

    assert shown == {key for _, section in found for key in section.known_keys()}


BUG = "a bug of ours"


def refusal(text: bytes) -> str:
    """Return what is said of a file that cannot be read, nothing of one that can."""
    try:
        parse(text, "f", environ={}, attachments=BESIDE, check_secrets=False)
    except ConfigError as exc:
        return str(exc)
    return ""


@settings(max_examples=150)
@given(
    st.integers(0, len(CONTENT)),
    st.integers(0, 40),
    st.one_of(
        st.binary(max_size=6),
        st.text(max_size=6).map(str.encode),
        st.text(st.sampled_from("[]{}:,-'\"!&*#|>?~ \n\t019aT.+"), max_size=8).map(str.encode),
        st.sampled_from(
            [b"null", b"true", b"-1", b"1e9", b"9" * 30, b"[]", b"{}", b"{a: b}", b"~"]
        ),
    ),
)
def test_no_spoilt_example_brings_it_down(start: int, length: int, insert: bytes) -> None:
    """Whatever a slip of the pen makes of the example, it loads or says what is wrong."""
    start %= len(CONTENT)

    assert BUG not in refusal(CONTENT[:start] + insert + CONTENT[start + length :])


VALUES = ("null", "true", "1", "1.5", "'x'", "[]", "{}", "[[]]", "[{}]", "{'[key]': [1]}", "''")


@pytest.mark.parametrize("value", VALUES)
def test_any_kind_of_value_may_stand_anywhere(value: str) -> None:
    """Each value of the example, replaced by each kind of value, is read or refused in words."""
    lines = CONTENT.decode().splitlines(keepends=True)
    for index, line in enumerate(lines):
        key, colon, _ = line.partition(": ")
        if not colon or key.lstrip().startswith("#"):
            continue
        text = "".join([*lines[:index], f"{key}: {value}\n", *lines[index + 1 :]])
        assert BUG not in refusal(text.encode())
