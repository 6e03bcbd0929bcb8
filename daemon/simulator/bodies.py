"""Bodies of requests, read as Go reads JSON into its structures, with its words for a wrong type.

A key may be written in any case, one that is not known is passed over, `null` is the same as an
absent key, and of several faults of type the first is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.simulator import go_json
from daemon.simulator.go_json import GoJSONError, Number

_RANGES = {"int": range(-(2**63), 2**63), "uint64": range(2**64)}
_ZEROS = {"int": 0, "uint64": 0, "string": "", "bool": False}
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure: its name, and the kind of each field."""

    name: str
    fields: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class List:
    """A list of values of one kind."""

    of: Kind


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping of names to values of one kind."""

    of: Kind


Kind = Struct | List | Map | str
"""What a value is; text is a plain kind of Go's."""

_NAMES = {dict: "object", list: "array", str: "string", bool: "bool"}

SCHEDULE = Struct(
    "Schedule",
    {
        "job_type": "string", "frequency": "uint64", "period": "string", "time": "string",
        "start_now": "bool",
    },
)  # fmt: skip
TASK = Struct(
    "TaskTemplate",
    {
        "name": "string", "task_type": "string", "schedule": SCHEDULE,
        "merge_options": Struct("Options", {"offset_start": "uint64", "offset_end": "uint64"}),
        "full_backup": "bool",
    },
)  # fmt: skip
PLAN = Struct(
    "Plan",
    {"name": "string", "description": "string", "services": List("string"), "tasks": List(TASK)},
)
_CLOUD = dict.fromkeys(
    (
        "cloud_credential_name", "cloud_staging_dir", "cloud_credentials_id",
        "cloud_credentials_key", "cloud_credentials_refresh_token", "cloud_region",
        "cloud_endpoint",
    ),
    "string",
) | {"cloud_force_path_style": "bool"}  # fmt: skip
REPOSITORY = Struct(
    "AddRepositoryRequest",
    {
        "plan": "string", "archive": "string", "bucket_name": "string", "worm": "uint64",
        "default_retention": "uint64", "cloud_retention_delete_versions": "bool", **_CLOUD,
    },
)  # fmt: skip
IMPORT = Struct("ImportRequest", {"id": "string", "repo": "string", "archive": "string", **_CLOUD})
ARCHIVE = Struct("ArchiveRequest", {"id": "string"})
BACKUP = Struct("BackupRequest", {"full_backup": "bool"})
MERGE = Struct(
    "MergeRequest",
    {
        "start": "string", "end": "string", "data_range": "string", "offset_start": "uint64",
        "offset_end": "uint64",
    },
)  # fmt: skip
RESTORE = Struct(
    "RestoreRequest",
    dict.fromkeys(
        (
            "target", "user", "password", "start", "end", "filter_keys", "filter_values",
            "include_data", "exclude_data", "map_data", "replace_ttl", "replace_ttl_with",
        ),
        "string",
    )
    | dict.fromkeys(
        (
            "auto_create_buckets", "auto_remove_collections", "enable_bucket_config",
            "disable_views", "disable_gsi_indexes", "disable_ft", "disable_data",
            "disable_eventing", "disable_analytics", "force_updates",
        ),
        "bool",
    ),
)  # fmt: skip
EXAMINE = Struct("ExamineRequest", {"key": "string", "data_path": "string", "backups": "string"})
REMOVE = Struct("RemoveRequest", {"disable_safe_remove_check": "bool"})
RETENTION = Struct("RetentionRequest", {"period": "uint64", "retroactive": "bool"})
WORM = Struct("WORMRequest", {"disable": "bool", "period": "uint64"})
CLOUD_CONFIG = Struct("CloudConfigRequest", {"retention_delete_versions": "bool"})
CONFIG = Struct(
    "ServiceConfiguration",
    {"history_rotation_period": "uint64", "history_rotation_size": "uint64"},
)
THREADS = Struct("NodesThreadsMapRequest", {"nodes_threads_map": Map("int")})


def read(body: bytes, struct: Struct) -> dict[str, Any]:
    """Return the fields that a body gives; those that are absent or null are left out.

    Raises:
        GoJSONError: the body is no JSON, or a value has the wrong type.

    """
    faults: list[str] = []
    found = _struct(go_json.decode(body), struct, "Go value", faults)
    if faults:
        raise GoJSONError(faults[0])
    return found or {}


def _struct(value: object, struct: Struct, place: str, faults: list[str]) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        _complain(value, struct, place, faults)
        return None
    return dict(_fields(value, struct, faults))


def _fields(
    value: dict[str, object], struct: Struct, faults: list[str]
) -> Iterator[tuple[str, Any]]:
    known = {name.lower(): name for name in struct.fields}
    for key, item in value.items():
        name = known.get(key.lower())
        if name is None or item is None:
            continue
        place = f"Go struct field {struct.name}.{name}"
        found = _value(item, struct.fields[name], place, faults)
        if found is not None:
            yield name, found


def _value(value: object, kind: Kind, place: str, faults: list[str]) -> Any:
    match kind, value:
        case Struct(), _:
            return _struct(value, kind, place, faults)
        case List(of), list():
            return [_item(item, of, place, faults) for item in value]
        case Map(of), dict():
            return {
                go_json.characters(key): _item(item, of, place, faults)
                for key, item in value.items()
            }
        case ("bool", bool()) | ("string", str()) if not isinstance(value, Number):
            return go_json.characters(value) if isinstance(value, str) else value
        case (("int" | "uint64"), Number()) if _fits(value, _RANGES[kind]):
            return int(value)
        case _:
            pass
    _complain(value, kind, place, faults)
    return None


def _item(value: object, of: Kind, place: str, faults: list[str]) -> Any:
    """Return an item of a list or a mapping, of which `null` is the zero."""
    if value is None:
        return _ZEROS[of] if isinstance(of, str) else {}
    return _value(value, of, place, faults)


def _fits(number: Number, range_: range) -> bool:
    # The digits are counted first: Python refuses to read thousands of them.
    is_whole = number.lstrip("-").isdecimal() and len(number) <= _MOST_DIGITS
    return is_whole and int(number) in range_


def _complain(value: object, kind: Kind, place: str, faults: list[str]) -> None:
    if value is None:
        return
    # Which number it was is said where another one would have been right.
    number = f"number {value}" if kind in ("int", "uint64") else "number"
    name = _NAMES.get(type(value), number)
    faults.append(f"json: cannot unmarshal {name} into {place} of type {_go_name(kind)}")


def _go_name(kind: Kind) -> str:
    match kind:
        case Struct(name):
            return f"cbbs.{name}"
        case List(of):
            return f"[]{_go_name(of)}"
        case Map(of):
            return f"map[string]{_go_name(of)}"
        case _:
            return kind
