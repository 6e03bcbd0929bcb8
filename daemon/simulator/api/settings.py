"""The calls about plans and settings, and those between the service's own nodes."""

from __future__ import annotations

from daemon.simulator import bodies, tasks
from daemon.simulator.api.request import Request
from daemon.simulator.model import HISTORY, Model
from daemon.simulator.refusals import Refusal


def plans(model: Model, _: Request) -> object:
    """Return all plans."""
    return list(model.plans.values())


def plan(model: Model, request: Request) -> object:
    """Return one plan."""
    if request.parts[0] not in model.plans:
        raise Refusal(404, "requested plan not found")
    return model.plans[request.parts[0]]


def save_plan(model: Model, request: Request) -> None:
    """Create or replace a plan."""
    plan = request.read(bodies.PLAN)
    model.save_plan(request.parts[0], plan, is_new=request.method == "POST")


def delete_plan(model: Model, request: Request) -> None:
    """Delete a plan."""
    model.delete_plan(request.parts[0])


def config(model: Model, _: Request) -> object:
    """Return the settings of the service."""
    return dict(sorted(model.config.items()))


def configure(model: Model, request: Request) -> None:
    """Change the settings of the service."""
    asked = request.read(bodies.CONFIG)
    # Only a PATCH of something else leaves the size as it is.
    is_partial = request.method == "PATCH" and "history_rotation_period" in asked
    size = asked.get("history_rotation_size", model.config["history_rotation_size"] * is_partial)
    if size not in HISTORY:
        raise Refusal(400, "Rotation size has to be between 5 and 200")
    if asked.get("history_rotation_period") == 0:
        raise Refusal(400, "Rotation period has to be at least 1")
    model.config |= asked | {"history_rotation_size": size}
    model.events.record(6144, "self", tasks.text(model.now()))
    model.save()


def threads(model: Model, _: Request) -> object:
    """Return the threads by node."""
    if model.threads is None:
        raise Refusal(404, "Could not find the Nodes Threads Map", "element not found")
    return dict(sorted(model.threads.items()))


def set_threads(model: Model, request: Request) -> None:
    """Set the threads by node, all or some."""
    asked = request.read(bodies.THREADS).get("nodes_threads_map")
    if asked is None:
        raise Refusal(400, "nodes_threads_map is required")
    for node, count in asked.items():
        if count < 0:
            raise Refusal(400, f"threads of node '{node}' have to be at least 0")
    old = model.threads or {}
    model.threads = old | asked if request.method == "PATCH" else asked
    model.save()


def other_cluster(_: Model, request: Request) -> object:
    """Refuse what is asked of another cluster."""
    raise Refusal(400, "Remote clusters not supported", f"Invalid cluster: {request.parts[0]}")


# Between the service's own nodes; of no use to anybody else, but the vendor's tests clean up so


def leader(_: Model, __: Request) -> object:
    """Return the node that leads."""
    return {"host": "127.0.0.1"}


def find_orphans(_: Model, __: Request) -> None:
    """Look for tasks without a node, of which there are none."""


def stop_task(model: Model, request: Request) -> None:
    """End a running task."""
    model.stop_task(*request.parts)
