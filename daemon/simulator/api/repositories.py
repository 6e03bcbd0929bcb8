"""The calls about repositories, their tasks and their backups."""

from __future__ import annotations

from daemon.simulator import archives, bodies, tasks
from daemon.simulator.api.request import Request
from daemon.simulator.model import STATES, Model, Repository
from daemon.simulator.refusals import Json, Refusal

_NO_SUCH_BACKUP = (
    "exit status 1:Removing backup repository failed:"
    " backup name provided is not one of the backups in this repository\n"
)
_RETENTION = range(36_501)
_NO_RETENTION = "retention period has to be between 0 and 36500"
_WORM = range(3, 36_526)
_NO_WORM = "WORM period has to be between 3 and 36525"


def _state(name: str) -> str:
    if name not in STATES:
        raise Refusal(400, "invalid repository state", f"'{name}' is none of {', '.join(STATES)}")
    return name


# Repositories


def everything(model: Model, _: Request) -> object:
    """Return the repositories of all states, by state and id."""
    shown = {
        state: {id_: model.show(model.repositories[state][id_]) for id_ in sorted(found)}
        for state, found in model.repositories.items()
    }
    return {"name": "self", **{state: shown[state] for state in ("imported", "archived", "active")}}


def listed(model: Model, request: Request) -> object:
    """Return the repositories of a state."""
    found = model.repositories[_state(request.parts[0])]
    return [model.show(repository) for repository in list(found.values())]


def _found(model: Model, request: Request) -> Repository:
    return model.find(_state(request.parts[0]), request.parts[1])


def one(model: Model, request: Request) -> object:
    """Return one repository."""
    return model.show(_found(model, request))


def info(model: Model, request: Request) -> object:
    """Return the backups of a repository."""
    found = _found(model, request)
    if found.has_folder and archives.is_lost(found.archive, found.repo):
        why = f"Error opening archive {found.archive}: {archives.NOTHING}"
        raise Refusal(500, "Could not get repository info", why)
    backups = model.backups.get(found.repo, [])
    size = sum(each["size"] for each in backups)
    page = [tasks.shown_backup(each) for each in request.page(backups)]
    return {"name": found.repo, "size": size, "count": len(backups), "backups": page}


def history(model: Model, request: Request) -> object:
    """Return the runs of a repository's tasks that have ended, newest first."""
    # What runs still is shown by the repository alone.
    runs = [run for run in _found(model, request).runs if run["status"] != "running"]
    if since := request.instant("first"):
        runs = [run for run in runs if tasks.instant(run["start"]) >= since]
    if name := request.text("taskName"):
        runs = [run for run in runs if run["task_name"] == name]
    return [tasks.shown_run(run) for run in request.page(runs)]


def pause(model: Model, request: Request) -> None:
    """Pause an active repository."""
    model.set_state(request.parts[0], "paused")


def resume(model: Model, request: Request) -> None:
    """Resume a paused repository."""
    model.set_state(request.parts[0], "active")


def create(model: Model, request: Request) -> None:
    """Create an active repository."""
    id_, asked = request.parts[0], request.read(bodies.REPOSITORY)
    model.check_id(id_, "active")
    for key in ("plan", "archive"):
        if not asked.get(key):
            raise Refusal(400, f"{key} is required")
    bucket = asked.get("bucket_name")
    if bucket and bucket not in model.buckets:
        raise Refusal(400, f"bucket '{bucket}' cannot be used", "element not found")
    if asked.get("default_retention", 0) not in _RETENTION:
        raise Refusal(400, _NO_RETENTION)
    if asked.get("worm") and asked["worm"] not in _WORM:
        raise Refusal(400, _NO_WORM)
    model.create(id_, asked)


def archive(model: Model, request: Request) -> None:
    """Move an active repository to the archived ones."""
    model.archive(request.parts[0], request.read(bodies.ARCHIVE).get("id", ""))


def import_(model: Model, request: Request) -> None:
    """Import a repository that exists already."""
    model.import_(request.read(bodies.IMPORT))


def delete(model: Model, request: Request) -> None:
    """Delete an archived or imported repository."""
    with_data = request.flag("remove_repository")
    model.delete(_state(request.parts[0]), request.parts[1], with_data=with_data)


def change_plan(model: Model, request: Request) -> None:
    """Change the plan of an active repository."""
    model.change_plan(*request.parts)


# Tasks and backups


def backup(model: Model, request: Request) -> object:
    """Start a backup; return the task's name."""
    options = request.read(bodies.BACKUP)
    return {"task_name": model.start_task("active", request.parts[0], "BACKUP", options)}


def merge(model: Model, request: Request) -> object:
    """Start a merge; return the task's name."""
    options = request.read(bodies.MERGE)
    return {"task_name": model.start_task("active", request.parts[0], "MERGE", options)}


def prune(model: Model, request: Request) -> object:
    """Start the deletion of what has expired; return the tasks' names."""
    # With or without a body: the documentation has one, and says that there is none.
    return [{"task_name": model.start_task("active", request.parts[0], "PRUNE", {})}]


def restore(model: Model, request: Request) -> object:
    """Start a restore; return the task's name."""
    state, id_ = request.parts
    options = request.read(bodies.RESTORE)
    found = model.find(_state(state), id_, f"repository `{id_}` does not exist")
    if not options.get("target"):
        raise Refusal(400, "a restore requires a target cluster")
    if options.get("replace_ttl", "none") not in {"none", "all", "expired"}:
        raise Refusal(400, "replace_ttl has to be none, all or expired")
    names = {each["date"] for each in model.backups.get(found.repo, [])}
    for key in ("start", "end"):
        if options.get(key) and options[key] not in names:
            raise Refusal(400, f"invalid {key} point", f"no backup '{options[key]}'")
    who = (options.get(key, "") for key in ("user", "password"))
    options["denied"] = not request.admits(options["target"], *who)
    return {"task_name": model.start_task(state, id_, "RESTORE", options)}


def examine(model: Model, request: Request) -> object:
    """Return the versions of a document in the backups."""
    _found(model, request)
    asked = request.read(bodies.EXAMINE)
    for key in ("key", "data_path"):
        if not asked.get(key):
            raise Refusal(400, f"{key} is required")
    return []


def _backup_of(model: Model, found: Repository, name: str, refusal: Refusal) -> Json:
    for each in model.backups.get(found.repo, []):
        if each["date"] == name:
            return each
    raise refusal


def delete_backup(model: Model, request: Request) -> None:
    """Delete one backup."""
    id_, name = request.parts
    if request.body.strip():
        request.read(bodies.REMOVE)
    found = model.find("active", id_, "the repository does not exist")
    refusal = Refusal(500, "could not remove backup", _NO_SUCH_BACKUP)
    model.backups[found.repo].remove(_backup_of(model, found, name, refusal))
    model.save()


def retain(model: Model, request: Request) -> None:
    """Set how long backups are kept, of a repository or a single one."""
    found = model.find_active(request.parts[0])
    asked = request.read(bodies.RETENTION)
    if asked.get("period") not in _RETENTION:
        raise Refusal(400, _NO_RETENTION)
    chosen = model.backups.get(found.repo, [])
    if len(request.parts) > 1:
        name = request.parts[1]
        chosen = [_backup_of(model, found, name, Refusal(404, f"backup `{name}` not found"))]
    else:
        found.retention = asked["period"]
        chosen = chosen if asked.get("retroactive") else []
    for each in chosen:
        tasks.retain(each, asked["period"])
    model.touch(found)


def expired(model: Model, request: Request) -> object:
    """Return the backups whose time is over."""
    backups = model.backups.get(_found(model, request).repo, [])
    now = model.now()
    return [
        {
            "expired_backups": tasks.expired(backups, now),
            "expired_backups_with_non_expired_dependents": tasks.expired_but_needed(backups, now),
        }
    ]


def worm(model: Model, request: Request) -> None:
    """Set whether backups can be changed."""
    found = model.find_active(request.parts[0])
    asked = request.read(bodies.WORM)
    if not asked.get("disable") and asked.get("period") not in _WORM:
        raise Refusal(400, _NO_WORM)
    if found.state != "paused":
        raise Refusal(400, "only paused repositories can have their WORM configuration modified")
    model.touch(found)


def cloud_config(model: Model, request: Request) -> None:
    """Change the settings of an object store."""
    found = model.find_active(request.parts[0])
    if not request.read(bodies.CLOUD_CONFIG):
        raise Refusal(400, "at least one cloud setting is required")
    model.touch(found)
