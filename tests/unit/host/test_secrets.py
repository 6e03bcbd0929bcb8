"""Secret files and values: who may read them, what is taken from them, and that nothing shows."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.errors import SecretError
from daemon.host.secrets import (
    PASSWORD_LIMIT,
    Secret,
    check_file,
    check_readable,
    read_password,
    resolve,
)

SOMEBODY_ELSE = 65534


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a secret file that only its owner can read, unless told otherwise."""

    def write(content: bytes = b"hunter2\n", mode: int = 0o600, name: str = "password") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{!r:>20}".format, lambda secret: f"{secret:>9}", lambda s: f"{[s]}"],
)
def test_a_secret_never_shows_itself(show: Callable[[Secret], str]) -> None:
    """No way of printing a secret gives its text."""
    shown = show(Secret("hunter2"))

    assert "***" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash, vars])
def test_a_secret_cannot_be_carried_away(leak: Callable[[Secret], object]) -> None:
    """Pickling, copying, serialising and hashing are refused."""
    with pytest.raises(TypeError):
        leak(Secret("hunter2"))


def test_a_secret_reveals_and_compares_its_text() -> None:
    """The text is there on demand, and two secrets are equal if their texts are."""
    secret = Secret("hünter2")

    assert secret.reveal() == "hünter2"
    assert secret == Secret("hünter2")
    assert secret != Secret("hunter2")
    assert secret != "hünter2"


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" h\xc3\xbcnter 2 \n", " hünter 2 "),
        (b"x" * (PASSWORD_LIMIT - 1) + b"\n", "x" * (PASSWORD_LIMIT - 1)),
    ],
)
def test_a_password_is_the_file_without_its_last_line_break(
    written: Callable[..., Path], content: bytes, password: str
) -> None:
    """Exactly one line break at the end is not part of the password; spaces are."""
    assert read_password(written(content), None, {}).reveal() == password


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\n\n", "ends with a tab or more than one line break"),
        (b"hunter2\r", "ends with a tab or more than one line break"),
        (b"hunter2\t\n", "ends with a tab"),
        (b"\xef\xbb\xbfhunter2\n", "begins with a byte order mark"),
        (b"\xff\xfeh\x00", "is UTF-16: save it as UTF-8"),
        (b"hunter2\nmore\n", "line break"),
        (b"hunter\x002", "control character"),
        (b"hunter2\xff", "not UTF-8"),
        (b"x" * (PASSWORD_LIMIT + 1), "larger than 4096 bytes"),
    ],
)
def test_what_is_no_password_is_refused(
    written: Callable[..., Path], content: bytes, complaint: str
) -> None:
    """A file that cannot be a password is refused with its name and without its content."""
    path = written(content)

    with pytest.raises(SecretError, match=complaint) as raised:
        read_password(path, None, {})

    assert str(path) in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o644, 0o666])
def test_a_file_that_others_can_read_is_refused(written: Callable[..., Path], mode: int) -> None:
    """Any right of others is one too many; the message says what to do."""
    path = written(mode=mode)

    with pytest.raises(SecretError, match=r"others can read or write it; .*chmod 600"):
        check_file(path, {})


def test_a_group_may_read_what_root_owns(written: Callable[..., Path]) -> None:
    """A group's right is refused unless root owns the file, as Kubernetes and systemd do it."""
    path = written(mode=0o640)
    if os.geteuid() == 0:
        check_file(path, {})
        os.chown(path, SOMEBODY_ELSE, -1)

    with pytest.raises(SecretError, match="its group can read or write it"):
        check_file(path, {})


def test_systemd_decides_about_its_credentials(written: Callable[..., Path]) -> None:
    """Under $CREDENTIALS_DIRECTORY the mode of a file does not matter."""
    path = written(mode=0o644)
    environ = {"CREDENTIALS_DIRECTORY": str(path.parent)}

    check_file(path, environ)

    assert read_password(path, None, environ).reveal() == "hunter2"


def test_the_way_out_of_the_credentials_is_no_credential(written: Callable[..., Path]) -> None:
    """A path that leaves $CREDENTIALS_DIRECTORY again is checked as any other."""
    path = written(mode=0o644)
    inside = path.parent / "credentials"
    inside.mkdir()

    with pytest.raises(SecretError, match="others can read"):
        check_file(inside / ".." / path.name, {"CREDENTIALS_DIRECTORY": str(inside)})


def test_a_link_counts_as_what_it_leads_to(written: Callable[..., Path], tmp_path: Path) -> None:
    """Secrets of Kubernetes are links to links; the file at the end is what is checked."""
    (tmp_path / "..data").symlink_to(written(name="real"))
    link = tmp_path / "password"
    link.symlink_to("..data")

    assert read_password(link, None, {}).reveal() == "hunter2"

    (tmp_path / "real").chmod(0o644)
    with pytest.raises(SecretError, match="others can read"):
        check_file(link, {})


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A folder, a device and a FIFO that nobody writes to are refused, at once."""
    os.mkfifo(tmp_path / "fifo", 0o600)

    for path in (tmp_path, Path("/dev/zero"), tmp_path / "fifo"):
        with pytest.raises(SecretError, match=r"not a regular file|directory"):
            check_file(path, {})


@pytest.mark.parametrize("check", [check_file, check_readable])
def test_a_missing_file_is_said(tmp_path: Path, check: Callable[[Path], None]) -> None:
    """A file that is not there is reported with its path."""
    with pytest.raises(SecretError, match="nowhere: No such file"):
        check(tmp_path / "nowhere")


def test_a_missing_secret_of_a_unit_says_how_it_gets_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under systemd the line is named that is missing; by hand, where the unit's secrets are."""
    monkeypatch.setenv("INVOCATION_ID", "1")
    with pytest.raises(SecretError) as under:
        check_readable(tmp_path / "prod.password")
    monkeypatch.delenv("INVOCATION_ID")
    monkeypatch.setattr("daemon.host.secrets.OF_UNIT", tmp_path)
    (tmp_path / "prod.password").touch()
    with pytest.raises(SecretError) as by_hand:
        check_readable(tmp_path / "elsewhere" / "prod.password")

    assert "LoadCredential=prod.password:/etc/cbmaintd/secrets/prod.password" in str(under.value)
    assert f"set CREDENTIALS_DIRECTORY={tmp_path} here" in str(by_hand.value)


def test_a_certificate_may_be_read_by_all(written: Callable[..., Path]) -> None:
    """What is no secret only has to be there."""
    check_readable(written(mode=0o644))


def test_a_password_may_come_from_the_environment() -> None:
    """A variable is taken as it is."""
    assert read_password(None, "PW", {"PW": " hunter2"}).reveal() == " hunter2"


@pytest.mark.parametrize(
    ("env", "environ", "complaint"),
    [
        ("PW", {}, "no variable PW"),
        ("PW", {"PW": ""}, "PW: is empty"),
        ("PW", {"PW": "hunter2\udcff"}, "PW: is not UTF-8"),
        (None, {}, "neither password_file nor password_env"),
    ],
)
def test_a_password_that_is_not_there_is_said(
    env: str | None, environ: dict[str, str], complaint: str
) -> None:
    """A variable that is missing, empty or broken is named, its value is not."""
    with pytest.raises(SecretError, match=complaint) as raised:
        read_password(None, env, environ)

    assert "hunter2" not in str(raised.value)


def test_names_are_credentials_first_and_else_beside_the_file(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    """A name means a systemd credential if there is one, else a file of the folder."""
    written(name="prod.password")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    folder = Path("/etc/cbmaintd")

    assert resolve("prod.password", folder, environ) == tmp_path / "prod.password"
    assert resolve("other.password", folder, environ) == folder / "other.password"
    assert resolve("prod.password", folder, {}) == folder / "prod.password"
    assert resolve("/run/x", folder, environ) == Path("/run/x")
