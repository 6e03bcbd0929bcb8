"""The simulator on real sockets: HTTP/1.1 with keep-alive, roles, TLS, and faults on request."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from daemon.errors import HostError
from daemon.simulator import routes
from daemon.simulator.credentials import credentials
from daemon.simulator.faults import Fault, Faults
from daemon.simulator.management import manage
from daemon.simulator.model import Model, Refusal, Repository

WRITERS = frozenset({"admin", "backup_admin"})
READERS = WRITERS | {"ro_admin"}
MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the simulator."""

    method: str
    path: str
    user: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; *users* maps names to password and role, *tls* is certificate and key.

        *client_tls* is the CA of the clients' certificates, and whether each must have one.
        """
        self.users = dict(users or {"Administrator": ("password", "admin")})
        self._model = Model(now, effect_delay, state_file=state_file)
        self._model.seed(repositories)
        self._latency = latency
        self._tls, self._client_tls = tls, client_tls
        self._turn = threading.RLock()
        self._faults = Faults()
        self._seen: list[Seen] = []
        self._hooks: list[tuple[tuple[str, str, int], Callable[[], None]]] = []
        self._servers: list[_Server] = []
        self._stopping = threading.Event()

    def start(
        self, host: str = "127.0.0.1", port: int = 0, management_port: int | None = None
    ) -> None:
        """Listen. Raises HostError when a port is taken."""
        for number in (port, 0 if management_port is None else management_port):
            self._servers.append(_listen(self, host, number))
        for server in self._servers:
            if self._tls:
                server.wrap(*self._tls, self._client_tls)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Close every socket, also those in use."""
        self._stopping.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
            server.hang_up()
        self._servers.clear()

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
    def is_encrypted(self) -> bool:
        """Check whether it speaks TLS."""
        return self._tls is not None

    @property
    def requests(self) -> list[Seen]:
        """The requests so far."""
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

    def answer(self, handler: _Handler) -> Reply | None:
        """Answer a request; None closes the connection without a byte."""
        path, _, query = handler.path.partition("?")
        number = self._note(handler.command, path, handler.user)
        fault = self._faults.take(handler.command, path)
        wait = self._latency.total_seconds() + (fault.delay if fault else 0.0)
        if wait and self._stopping.wait(wait):
            return None
        self._hook("before", handler.command, number)
        reply = self._meet(fault, handler, unquote(path), query)
        self._hook("after", handler.command, number)
        return reply

    def _note(self, method: str, path: str, user: str) -> int:
        with self._turn:
            self._seen.append(Seen(method, path, user, datetime.now(UTC)))
            return sum(seen.method == method for seen in self._seen)

    def _hook(self, *point: str | int) -> None:
        for at, act in self._hooks:
            if at == point:
                act()

    def _meet(self, fault: Fault | None, handler: _Handler, path: str, query: str) -> Reply | None:
        if fault is None:
            return self._serve(handler, path, query)
        if fault.status is not None:
            return Reply(fault.status, fault.body, headers=tuple(fault.headers.items()))
        if fault.ignore:
            return Reply(200)
        if fault.late is not None:
            threading.Timer(fault.late.total_seconds(), self._serve, (handler, path, query)).start()
        if fault.drop or fault.late is not None:
            return None
        reply = self._serve(handler, path, query)
        if fault.apply_then_reset:
            handler.reset()
            return None
        return reply

    def _serve(self, handler: _Handler, path: str, query: str) -> Reply:
        role = self._role(handler)
        is_management = handler.server is self._servers[-1]
        if role is None:
            return _unauthorized(is_management=is_management)
        with self._turn:
            if is_management and not path.startswith(routes.PROXY):
                return _json(*manage(self, path))
            return self._call(handler, path.removeprefix(routes.PROXY), query, role)

    def _call(self, handler: _Handler, path: str, query: str, role: str) -> Reply:
        found = routes.find(handler.command, path)
        if found is None:
            return Reply(404, routes.NOT_FOUND.encode(), "text/plain; charset=utf-8")
        route, parts = found
        if role not in (WRITERS if route.writes else READERS):
            return _forbidden()
        try:
            request = routes.Request(parts, routes.query_of(query), handler.body)
            result = route.handle(self._model, request)
        except Refusal as exc:
            return _json(exc.status, exc.body)
        return Reply(200) if result is None else _json(200, result)

    def _role(self, handler: _Handler) -> str | None:
        """Return the role of the user; None if the user or password is unknown."""
        password, role = self.users.get(handler.user, ("", ""))
        return role if role and handler.password in {None, password} else None

    @property
    def events(self) -> list[dict[str, Any]]:
        """The system events so far."""
        return self._model.events


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode() + b"\n")


def _unauthorized(*, is_management: bool) -> Reply:
    realm = "Couchbase Server Admin / REST" if is_management else "Couchbase"
    header = (("WWW-Authenticate", f'Basic realm="{realm}"'),)
    body = b"" if is_management else b"Authentication Failure.\n"
    return Reply(401, body, "text/plain; charset=utf-8", header)


def _forbidden() -> Reply:
    text = "Forbidden. User needs one of the following permissions"
    return _json(403, {"message": text, "permissions": ["cluster.backup!all"]})


class _Server(ThreadingHTTPServer):
    """Listens for one simulator; keeps its connections in order to be able to close them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.simulator = simulator
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def wrap(
        self, certificate: Path, key: Path, clients: tuple[Path, ssl.VerifyMode] | None
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if clients:
            authority, context.verify_mode = clients
            context.load_verify_locations(authority)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def hang_up(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that vanish; show a bug of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Print nothing: `Simulator.requests` has them all."""

    def reset(self) -> None:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _handle(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
        self.body = self.rfile.read(length)
        self.user, self.password = credentials(
            self.connection, self.headers.get("Authorization", "")
        )
        self.path = urlsplit(self.path).geturl()
        reply = self.server.simulator.answer(self)
        if reply is None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.close()
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.body:
            self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        # In one segment: writing headers and body apart costs the client a delayed acknowledgement.
        self._headers_buffer.append(b"\r\n" + reply.body)  # type: ignore[attr-defined]  # the base's
        self.flush_headers()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815  # the base's names


def _listen(simulator: Simulator, host: str, port: int) -> _Server:
    try:
        return _Server((host, port), simulator)
    except OSError as exc:
        raise HostError(
            f"cannot listen on {host}:{port} ({exc.strerror}); choose another --port"
        ) from exc
