"""Passwords and key files: where they are, who may read them, and a value that hides its text."""

from __future__ import annotations

import hmac
import os
import re
import stat
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from daemon.errors import SecretError
from daemon.host.files import read_regular

PASSWORD_LIMIT = 4096

# The largest chain of certificates with its key is far smaller; a device would never end.
_FILE_LIMIT = 1024 * 1024


class Secret:
    """A text that shows itself as `***` wherever it is printed, and cannot be pickled or copied."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep *text*."""
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        """Hide the text."""
        return "***"

    def __format__(self, spec: str) -> str:
        """Hide the text, whatever the width that is asked for."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would tell something about the text

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise TypeError("a secret cannot be pickled or copied")


OF_UNIT: Final = Path("/etc/cbmaintd/secrets")
"""Where, by the manual, administrators keep the unit's secrets."""


def resolve(name: str, folder: Path, environ: Mapping[str, str]) -> Path:
    """Return the path that *name* in schedules.yaml means.

    An absolute name stands for itself. Any other is a systemd credential if there is one of that
    name, else a file below *folder*, where schedules.yaml is.
    """
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and os.path.lexists(Path(credentials, name)):
        return Path(credentials, name)
    return folder / name


def read_password(file: Path | None, env: str | None, environ: Mapping[str, str]) -> Secret:
    """Read the password now from *file*, else from the variable *env* of *environ*.

    One line break at the end of a file is not part of the password.

    Raises:
        SecretError: there is none, it cannot be a password, or too many may read the file.

    """
    if file is not None:
        status_check = partial(_check_readers, file, environ)
        text = _decoded(_read_file(file, PASSWORD_LIMIT, status_check), str(file))
        return _checked(re.sub(r"\r?\n\Z", "", text), str(file))
    if env is None:
        raise SecretError("neither password_file nor password_env says where the password is")
    if env not in environ:
        raise SecretError(f"the environment has no variable {env}")
    return _checked(environ[env], f"the environment's variable {env}")


def check_file(path: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Check that *path* is a readable secret file that no others may read.

    A symbolic link counts as what it leads to: Kubernetes hands out secrets as links. Who may read
    a file under `$CREDENTIALS_DIRECTORY` is systemd's business.

    Raises:
        SecretError: it is missing, no regular file, or readable by too many.

    """
    _read_file(path, _FILE_LIMIT, partial(_check_readers, path, environ))


def check_readable(path: Path) -> None:
    """Check that *path* is a regular file that we can read; it is no secret.

    Raises:
        SecretError: it is missing, unreadable, or something else than a file.

    """
    read_file(path)


def read_file(path: Path) -> bytes:
    """Return what is in a regular file of at most 1 MiB, whoever may read it.

    Raises:
        SecretError: it is missing, unreadable, too large, or something else than a file.

    """
    return _read_file(path, _FILE_LIMIT)


def _read_file(
    path: Path, limit: int, check: Callable[[os.stat_result], None] = lambda _: None
) -> bytes:
    try:
        return read_regular(path, limit, check)
    except FileNotFoundError as exc:
        raise SecretError(f"{path}: {exc.strerror}{_way_to(path.name)}") from exc
    except OSError as exc:
        raise SecretError(f"{path}: {exc.strerror}") from exc


def _way_to(name: str) -> str:
    """Return how a secret gets to where it was looked for, if systemd should put it there."""
    there = OF_UNIT / name
    if "INVOCATION_ID" in os.environ:
        return (
            f"; a unit is given it by LoadCredential={name}:{there} (systemctl edit, then restart)"
        )
    if os.path.lexists(there):
        return f"; for one of the unit's, set CREDENTIALS_DIRECTORY={OF_UNIT} here"
    return ""


def _check_readers(path: Path, environ: Mapping[str, str], status: os.stat_result) -> None:
    if _is_credential(path, environ):
        return
    mode = status.st_mode
    advice = f"allow its owner alone: chmod 600 {path}"
    if mode & stat.S_IRWXO:
        raise SecretError(f"{path}: others can read or write it; {advice}")
    if mode & stat.S_IRWXG and status.st_uid != 0:
        raise SecretError(
            f"{path}: its group can read or write it and root is not its owner; {advice}"
        )


def _is_credential(path: Path, environ: Mapping[str, str]) -> bool:
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return bool(credentials) and Path(os.path.normpath(path)).is_relative_to(str(credentials))


def _decoded(content: bytes, where: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SecretError(f"{where}: is UTF-16: save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        # Without its cause: that one carries the content.
        raise SecretError(f"{where}: is not UTF-8 (at byte {exc.start})") from None


def _checked(password: str, where: str) -> Secret:
    if not password:
        raise SecretError(f"{where}: is empty")
    if password.startswith("\ufeff"):
        raise SecretError(
            f"{where}: begins with a byte order mark, which an editor left there: save it without"
        )
    if password != password.rstrip("\r\n\t"):
        raise SecretError(
            f"{where}: ends with a tab or more than one line break: delete all after the password"
        )
    if any(ord(character) < ord(" ") or character == "\x7f" for character in password):
        raise SecretError(f"{where}: has a line break or control character, which no password has")
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise SecretError(f"{where}: is not UTF-8")
    return Secret(password)
