"""Archives on this machine: the folder of a repository, where its archive can be made at all.

An archive whose parent does not exist is believed: most who try the simulator have no `/archives`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from daemon.simulator.refusals import Json, Refusal

NO_MERGES = "merges are not supported in the cloud"
UNUSABLE = 2
"""The code of a task that could not use its archive."""
NOTHING = "no such file or directory"
_DENIED = "permission denied"
_CLOUDS = {"s3://": "AWS", "gs://": "GCP", "az://": "Azure"}
_MARK = ".backup"
"""The file by which `cbbackupmgr` knows a folder as an archive."""


def is_cloud(archive: str) -> bool:
    """Check whether an archive is in an object store."""
    return archive.startswith(tuple(_CLOUDS))


def cloud(archive: str, body: Json) -> Json | None:
    """Return what is shown of an archive's object store; None for a folder.

    Raises:
        Refusal: the path is relative, or what the object store needs is incomplete.

    """
    if not is_cloud(archive):
        if not archive.startswith("/"):
            raise Refusal(400, f"archive '{archive}' has to be an absolute path")
        return None
    name = body.get("cloud_credential_name", "")
    pair = [bool(body.get(f"cloud_credentials_{key}")) for key in ("id", "key")]
    if not body.get("cloud_staging_dir"):
        raise Refusal(400, "cloud_staging_dir is required for a cloud archive")
    if bool(name) == any(pair) or any(pair) != all(pair):
        raise Refusal(400, "either a credential name or a credential id and key are required")
    if not name and not body.get("cloud_region"):
        raise Refusal(400, "cloud_region is required with a credential id and key")
    return {
        "credentials_name": name,
        "staging_dir": body["cloud_staging_dir"],
        "endpoint": body.get("cloud_endpoint", ""),
        "force_path_style": body.get("cloud_force_path_style", False),
        "provider": _CLOUDS[archive[:5]],
    }


def prepare(archive: str, repo: str) -> bool:
    """Make the folder of a repository; return whether there is one."""
    path = Path(archive)
    if is_cloud(archive) or not path.parent.is_dir():
        return False
    with suppress(OSError):
        (path / repo).mkdir(parents=True, exist_ok=True)
        (path / _MARK).touch()
    return (path / repo).is_dir()


def is_lost(archive: str, repo: str) -> bool:
    """Check whether the folder of a repository that had one is gone."""
    return not (Path(archive) / repo).is_dir()


def trouble(archive: str, repo: str) -> str:
    """Return why the folder of a repository that had one cannot be used; empty if it can."""
    why = ""
    if is_lost(archive, repo):
        why = NOTHING
    elif any(_is_closed(folder) for folder in (Path(archive), Path(archive) / repo)):
        why = _DENIED
    return f"failed to open archive {archive}: {why}" if why else ""


def _is_closed(folder: Path) -> bool:
    # As root everything is open to us, but not to the service, which is none.
    mode = folder.stat().st_mode
    return not mode & 0o222 or not mode & 0o111


def remove(archive: str, repo: str) -> None:
    """Remove the folder of a repository; anything that others put there stays, and so does it."""
    with suppress(OSError):
        (Path(archive) / repo).rmdir()


def check(archive: str, *, is_new: bool) -> None:
    """Check that the service could use an archive; a new one may hold nothing of others.

    Raises:
        Refusal: it cannot.

    """
    path = Path(archive)
    try:
        if is_cloud(archive) or not path.exists():
            return
        if not path.is_dir():
            raise _unusable(archive, "not a directory", is_new=is_new)
        if _is_closed(path):
            raise _unusable(archive, _DENIED, is_new=is_new)
        if is_new and not (path / _MARK).exists() and any(path.iterdir()):
            raise _unusable(archive, "the directory is not empty", is_new=is_new)
    except OSError as exc:
        raise _unusable(archive, exc.strerror or "input/output error", is_new=is_new) from exc


def _unusable(archive: str, why: str, *, is_new: bool) -> Refusal:
    msg = "Could not create archive" if is_new else "Could not import repository"
    return Refusal(500, msg, f"failed to open archive {archive}: {why}")
