"""The simulator on real sockets: roles, TLS, and faults on request."""

from __future__ import annotations

import copy
import re
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemon.simulator import routes
from daemon.simulator.api.management import Call, admits, manage
from daemon.simulator.api.request import Request, parsed_query, unescaped
from daemon.simulator.connections import Exchange, Listener, Reply
from daemon.simulator.credentials import READERS, WRITERS
from daemon.simulator.faults import Fault, Faults, OddServer
from daemon.simulator.go_json import encode
from daemon.simulator.model import Model, Repository
from daemon.simulator.refusals import Json, Refusal

_REMEMBERED = 200_000
_TEXT = "text/plain; charset=utf-8"
_PROXY_TIMEOUT = timedelta(minutes=1)
_MOST_DIGITS = 9
_NO_SNIFF = (("X-Content-Type-Options", "nosniff"),)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the simulator."""

    method: str
    path: str
    user: str
    at: datetime


class Simulator:
    """A Backup Service on loopback, with methods for what people do while the daemon runs."""

    def __init__(  # noqa: PLR0913  # each is an option of its own, with a default
        self,
        repositories: Iterable[str] = ("orders", "tenant-a", "tenant-b", "archive"),
        users: Mapping[str, tuple[str, str]] | None = None,
        *,
        latency: timedelta = timedelta(0),
        effect_delay: timedelta = timedelta(0),
        state_file: Path | None = None,
        tls: tuple[Path, Path] | None = None,
        client_tls: tuple[Path, ssl.VerifyMode] | None = None,
        odd: OddServer | None = None,
        external: Json | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; *users* maps names to password and role, *tls* is certificate and key.

        *client_tls* is the CA of the clients' certificates, and whether each must have one; *odd*
        is what it does otherwise than a healthy service; *external* its alternate address.
        """
        self.users = dict(users or {"Administrator": ("password", "admin")})
        self._odd = odd or OddServer()
        self._model = Model(now, effect_delay, state_file=state_file)
        self._model.is_led = not self._odd.is_dead
        self._model.seed(repositories)
        self._latency = latency
        self._tls, self._client_tls, self.external = tls, client_tls, external
        self._turn = threading.RLock()
        self._faults = Faults()
        self._seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        self._numbers: Counter[str] = Counter()
        self._hooks: list[tuple[tuple[str, str, int], Callable[[], None]]] = []
        self._since = datetime.now(UTC)
        self._servers: list[Listener] = []
        self._stopping = threading.Event()

    def start(
        self, host: str = "127.0.0.1", port: int = 0, management_port: int | None = None
    ) -> None:
        """Listen. Raises HostError when a port is taken."""
        ports = (port, 0 if management_port is None else management_port)
        for is_management, number in enumerate(ports):
            listener = Listener(
                (host, number),
                self.answer,
                self.refuse_unread,
                is_management=bool(is_management),
            )
            self._servers.append(listener)
        self._since = datetime.now(UTC)
        for server in self._servers:
            if self._tls:
                server.wrap(*self._tls, self._client_tls)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        if self._odd.node_leaves is not None:
            threading.Thread(target=self._leave, args=(self._odd.node_leaves,), daemon=True).start()

    def _leave(self, after: timedelta) -> None:
        """Stop the service and go on as a node of the cluster that does not run it."""
        if not self._stopping.wait(after.total_seconds()):
            _close(self._servers[0])

    def stop(self) -> None:
        """Close every socket, also those in use."""
        self._stopping.set()
        for server in self._servers:
            _close(server)
        self._servers.clear()
        with self._turn, suppress(OSError):
            self._model.save()

    def __enter__(self) -> Self:
        """Listen on free ports."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The root of the Backup Service."""
        return self._url(0)

    @property
    def management_url(self) -> str:
        """The root of the cluster manager."""
        return self._url(1)

    def _url(self, index: int) -> str:
        host, port = self._servers[index].server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"{'https' if self._tls else 'http'}://{name}:{port}"

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of the service and of the cluster manager."""
        service, management = self._servers
        return service.server_address[1], management.server_address[1]

    @property
    def is_served(self) -> bool:
        """Check whether this node runs the Backup Service."""
        left = self._odd.node_leaves
        return left is None or datetime.now(UTC) - self._since < left

    @property
    def is_encrypted(self) -> bool:
        """Check whether it speaks TLS."""
        return self._tls is not None

    @property
    def requests(self) -> list[Seen]:
        """The requests so far, the last of them if they are very many."""
        with self._turn:
            return list(self._seen)

    # What people do while the daemon runs

    def pause(self, id_: str) -> None:
        """Pause as a person would, at once."""
        self._put(id_, "paused")

    def resume(self, id_: str) -> None:
        """Resume as a person would, at once."""
        self._put(id_, "active")

    def _put(self, id_: str, state: str) -> None:
        with self._turn:
            found = self._model.find("active", id_)
            found.state, found.pending = state, None
            self._model.save()

    def create(self, id_: str, plan: str = "_daily_backups") -> None:
        """Create a repository."""
        with self._turn:
            self._model.create(id_, {"plan": plan, "archive": f"/archives/{id_}"})

    def delete(self, id_: str) -> None:
        """Archive a repository and delete it; an active one cannot be deleted."""
        with self._turn:
            self._model.archive(id_, id_)
            self._model.delete("archived", id_)

    def show(self, id_: str) -> dict[str, Any]:
        """Return an active or paused repository as the API does."""
        with self._turn:
            return self._model.show(self._model.find("active", id_))

    def state(self, id_: str) -> str:
        """Return the state of a repository: active or paused."""
        return str(self.show(id_)["state"])

    def states(self) -> dict[str, str]:
        """Return the states of all repositories."""
        with self._turn:
            found: dict[str, Repository] = self._model.repositories["active"]
            return {id_: self.state(id_) for id_ in found}

    # What tests arm

    def fail_next(self, method: str, path: str, **what: Any) -> None:
        """Arm a `Fault` for the next requests of *method* whose path matches the regex *path*."""
        self._faults.arm(Fault(method, re.compile(path), **what))

    def on_request(self, moment: str, method: str, number: int, act: Callable[[], None]) -> None:
        """Call *act* `before` or `after` the nth request (from 1) of *method* is applied."""
        self._hooks.append(((moment, method, number), act))

    # How a request is answered

    def answer(self, exchange: Exchange) -> Reply | None:
        """Answer a request; None closes the connection without a byte."""
        path, _, query = _relative(exchange.target).partition("?")
        number = self._note(exchange.method, path, exchange.user)
        fault = self._faults.take(exchange.method, path)
        wait = self._latency + timedelta(seconds=fault.delay if fault else 0)
        wait += self._odd.stall or timedelta(0)
        longest = _proxy_timeout(exchange, path)
        if wait and self._stopping.wait(min(wait, longest).total_seconds()):
            return None
        if wait > longest:
            return Reply(504, b"Gateway Timeout", "text/plain")
        self._hook("before", exchange.method, number)
        reply = self._meet(fault, exchange, unescaped(path), query)
        self._hook("after", exchange.method, number)
        return reply

    def _note(self, method: str, path: str, user: str) -> int:
        with self._turn:
            self._seen.append(Seen(method, path, user, datetime.now(UTC)))
            self._numbers[method] += 1
            return self._numbers[method]

    def _hook(self, *point: str | int) -> None:
        for at, act in self._hooks:
            if at == point:
                act()

    def _meet(self, fault: Fault | None, exchange: Exchange, path: str, query: str) -> Reply | None:
        if fault is None:
            return self._serve(exchange, path, query)
        if fault.status is not None:
            return Reply(fault.status, fault.body, headers=tuple(fault.headers.items()))
        if fault.ignore:
            return Reply(200)
        if fault.late is not None:
            late = fault.late.total_seconds()
            threading.Timer(late, self._serve, (exchange, path, query)).start()
        if fault.drop or fault.late is not None:
            return None
        reply = self._serve(exchange, path, query)
        exchange.is_reset = fault.apply_then_reset
        return reply

    def refuse_unread(self, exchange: Exchange) -> Reply | None:
        """Return the answer to a request that needs no body for it; None if it does."""
        path, _, _ = _relative(exchange.target).partition("?")
        if self._odd.stall or (refused := self._refusal(exchange, unescaped(path))) is None:
            return None
        self._note(exchange.method, path, exchange.user)
        return refused

    def _refusal(self, exchange: Exchange, path: str) -> Reply | None:
        if exchange.is_management:
            if self._role(exchange) is None:
                return _unauthorized("Couchbase Server Admin / REST", b"")
            if not path.startswith(routes.PROXY):
                return None
            if led_astray := self._odd.proxied(is_served=self.is_served):
                return Reply(*led_astray, "text/plain")
            path = path.removeprefix(routes.PROXY)
        if routes.find(exchange.method, path) is None:
            return _no_route(exchange, path)
        return self._refused(exchange)

    def _serve(self, exchange: Exchange, path: str, query: str) -> Reply:
        if refused := self._refusal(exchange, path):
            return refused
        asked = parsed_query(query)
        body = bytes(exchange.body)
        if exchange.is_management and not path.startswith(routes.PROXY):
            call = Call(exchange.method, path, asked, body, self._role(exchange) or "")
            with self._turn:
                return manage(self, self._model, call)
        found = routes.find(exchange.method, path.removeprefix(routes.PROXY))
        if found is None:
            raise RuntimeError("a path without a route is refused before")
        route, parts = found
        with self._turn:
            request = Request(exchange.method, parts, asked, body, partial(admits, self))
            return self._handled(route, request)

    def _handled(self, route: routes.Route, request: Request) -> Reply:
        model = self._model
        if self._odd.is_dead and request.method not in {"GET", "HEAD"}:
            # What nobody acts upon is answered as if somebody did.
            model = copy.deepcopy(model)
            model.state_file = None
        try:
            result = route.handle(model, request)
        except Refusal as exc:
            return Reply(exc.status, encode(exc.body))
        finally:
            # A look alone brings to light what has become due.
            if model.is_changed:
                model.save()
        if result is None:
            return Reply(200)
        return Reply(200, encode(self._odd.disguise(result)))

    def _refused(self, exchange: Exchange) -> Reply | None:
        """Return what the login layer answers; None lets the call through."""
        if self._odd.is_empty:
            return Reply(200, kind="")
        lasting = self._odd.authentication
        if lasting is not None and datetime.now(UTC) - self._since < lasting:
            why = "unable to reach the cluster manager"
            return _json(500, {"status": 500, "msg": "Could not authenticate user", "extras": why})
        role = self._role(exchange)
        if role is None:
            return _unauthorized("Couchbase", b"Authentication Failure.\n")
        is_read = exchange.method in {"GET", "HEAD"}
        if role in (READERS if is_read else WRITERS):
            return None
        text = "Forbidden. User needs one of the following permissions"
        permission = "ro_admin" if is_read else "backup_admin"
        return _json(403, {"message": text, "permissions": [permission]})

    def _role(self, exchange: Exchange) -> str | None:
        """Return the role of the user; None if the user or password is unknown."""
        password, role = self.users.get(exchange.user, ("", ""))
        return role if role and exchange.password in {None, password} else None

    def catch_up(self) -> None:
        """Let happen what has become due, as every call does."""
        with self._turn, suppress(OSError):
            self._model.catch_up()
            if self._model.is_changed:
                self._model.save()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The system events so far."""
        with self._turn:
            return self._model.events.listed({"limit": ["-1"]})


def _close(server: Listener) -> None:
    server.shutdown()
    server.server_close()
    server.hang_up()


def _relative(target: str) -> str:
    """Return the path of a target, which a proxy's client writes with scheme and host."""
    found = re.sub(r"^[a-z][a-z0-9+.-]*://[^/?#]*", "", target, count=1, flags=re.IGNORECASE)
    return found or "/"


def _proxy_timeout(exchange: Exchange, path: str) -> timedelta:
    """Return how long the cluster manager waits for the service that it leads to."""
    if not exchange.is_management or not path.startswith(routes.PROXY):
        return timedelta.max
    asked = exchange.headers.get("ns-server-proxy-timeout", "")
    is_number = asked.isascii() and asked.isdecimal() and len(asked) <= _MOST_DIGITS
    return timedelta(milliseconds=int(asked)) if is_number else _PROXY_TIMEOUT


def _no_route(exchange: Exchange, path: str) -> Reply:
    if path == "*" and exchange.method == "OPTIONS":
        return Reply(200, kind="")
    known = routes.methods(path)
    if not known:
        return Reply(404, b"404 page not found\n", _TEXT, _NO_SNIFF)
    allowed = (("Allow", ", ".join([*known, "OPTIONS"])),)
    return Reply(200 if exchange.method == "OPTIONS" else 405, kind="", headers=allowed)


def _json(status: int, value: Json) -> Reply:
    return Reply(status, encode(value))


def _unauthorized(realm: str, body: bytes) -> Reply:
    headers = (("WWW-Authenticate", f'Basic realm="{realm}"'), *(_NO_SNIFF if body else ()))
    return Reply(401, body, _TEXT if body else "", headers)
