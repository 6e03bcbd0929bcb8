"""The REST API of one cluster's Backup Service: calls, attempts, failover between its nodes.

A call is one thing asked for (list, pause, resume, backup, discover) and consists of attempts; each
attempt is one HTTP request under a deadline of its own and is reported once, whatever became of it.
A 200 to a POST says that the service took the request, not that it shows effect: who needs to know
lists the repositories afterwards.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from daemon.core.attempt import Action, Attempt, CallError
from daemon.core.repository import ObservedRepository
from daemon.errors import CbmaintdError, SecretError, TlsFileError
from daemon.host.loopback import is_plain_http_to_elsewhere
from daemon.host.secrets import Secret
from daemon.service import answers, discovery, statuses
from daemon.service.call import (
    Call,
    Success,
    always,
    broken,
    failed_attempt,
    read_list,
    read_nodes,
    read_nothing,
    read_plans,
    refused,
    unforeseen,
    without_secrets,
)
from daemon.service.cluster import ClusterSettings
from daemon.service.connections import Connection, Connections
from daemon.service.failover import Again, Course, Failure, Roots
from daemon.service.wire_error import WireError

KeepTrying = Callable[[timedelta], Awaitable[bool]]
"""Waits as long as it is told and says whether another attempt is still wanted after that."""

MaySend = Callable[[], bool]
"""Says whether an attempt may leave now; asked last of all, right before it does.

What came before, a discovery or other calls, may have taken long.
"""

T = TypeVar("T")

_ACTIVE = "/api/v1/cluster/self/repository/active"
_PLANS = "/api/v1/plan"


class ServiceError(CbmaintdError):
    """Raised when a call to a cluster failed for good, or for this pass.

    `retryable` says that the same call may succeed later without anyone's help; `unresolved` that
    some attempt of it may yet be acted upon by the server; `answered` that the server answered, if
    only the head of something.
    """

    def __init__(  # noqa: PLR0913  # all that is known of it
        self,
        cluster: str,
        error: CallError,
        message: str,
        *,
        retryable: bool = False,
        unresolved: bool = False,
        answered: bool = False,
        advice: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Keep the kind of failure and what was said about it, at most 200 characters.

        A *cause* that is known stands in the place of *advice*, and this of the general one.
        """
        said, advice = message.rstrip("."), cause or advice or answers.ADVICE.get(error, "")
        end = f": {advice}" if cause else f". {advice}" if advice else ""
        super().__init__(f"{cluster}: {error}: {said}{end}")
        self.cluster = cluster
        self.error = error
        self.message = statuses.printable(f"{said}: {cause}") if cause else message
        self.retryable = retryable
        self.unresolved = unresolved
        self.answered = answered


class WithheldError(CbmaintdError):
    """Raised when no attempt of a call left, because none was wanted any more."""


async def sleep(delay: timedelta) -> bool:
    """Wait for *delay* and go on: the KeepTrying of those who have nothing else to heed."""
    await asyncio.sleep(delay.total_seconds())
    return True


def full_jitter(ceiling: float) -> float:
    """Return a random delay of up to *ceiling* seconds, so that clients spread out."""
    return random.uniform(0.0, ceiling)  # noqa: S311 - spreads load, keeps no secret


class BackupService:
    """The Backup Service of one cluster, for one event loop."""

    def __init__(  # noqa: PLR0913  # whom it tells, and what it would else ask the system
        self,
        settings: ClusterSettings,
        *,
        environ: Mapping[str, str],
        on_attempt: Callable[[Attempt], None],
        now: Callable[[], datetime],
        jitter: Callable[[float], float] = full_jitter,
        on_password: Callable[[Secret], None] = lambda _: None,
    ) -> None:
        """Prepare to reach the cluster; passwords and files are read at the first call.

        *on_attempt* is called once for each HTTP request; *now* gives the time in UTC; *jitter*
        chooses a delay in seconds from nothing to its argument; *on_password* is told each password
        before it is sent.
        """
        self._settings = settings
        self._on_attempt = on_attempt
        self._now = now
        self._jitter = jitter
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._warming: asyncio.Task[None] | None = None
        self._configured = Roots(settings.discover or settings.urls)
        self._services = None if settings.discover else self._configured
        self._lacks_list = False
        self._connections = Connections(settings, environ, on_password)

    async def repositories(
        self, windows: tuple[str, ...] = (), keep_trying: KeepTrying = sleep
    ) -> tuple[ObservedRepository, ...]:
        """List the repositories under `active`, which has the paused ones, too.

        A row that is not understood is one of them. Raises: ServiceError.
        """
        call = Call(Action.LIST, "GET", _ACTIVE, windows, read_list)
        try:
            found, _ = await self._call(call, await self._roots(windows, keep_trying), keep_trying)
        except ServiceError:
            self._lacks_list = True
            raise
        return await without_secrets(found, self._entered().censor)

    async def periods(
        self, windows: tuple[str, ...] = (), keep_trying: KeepTrying = sleep
    ) -> dict[str, dict[str, timedelta]]:
        """Return how far apart the runs of each plan's tasks are. Raises: ServiceError."""
        call = Call(Action.GET, "GET", _PLANS, windows, read_plans)
        found, _ = await self._call(call, await self._roots(windows, keep_trying), keep_trying)
        return found

    async def pause(
        self,
        repository: str,
        windows: tuple[str, ...],
        keep_trying: KeepTrying,
        may_send: MaySend = always,
    ) -> bool:
        """Pause a repository; one that is paused stays so.

        True if an earlier attempt of this call may yet be acted upon.
        Raises: ServiceError; WithheldError, if nothing left.
        """
        return await self._post(Action.PAUSE, repository, windows, keep_trying, may_send)

    async def resume(
        self,
        repository: str,
        windows: tuple[str, ...],
        keep_trying: KeepTrying,
        may_send: MaySend = always,
    ) -> bool:
        """Resume a repository; one that is active stays so.

        True if an earlier attempt of this call may yet be acted upon.
        Raises: ServiceError; WithheldError, if nothing left.
        """
        return await self._post(Action.RESUME, repository, windows, keep_trying, may_send)

    async def backup(
        self,
        repository: str,
        windows: tuple[str, ...],
        keep_trying: KeepTrying,
        may_send: MaySend = always,
    ) -> bool:
        """Start one backup now. An attempt of unknown fate is repeated, so there may be two.

        True if an earlier attempt of this call may yet be acted upon.
        Raises: ServiceError; WithheldError, if nothing left.
        """
        return await self._post(Action.BACKUP, repository, windows, keep_trying, may_send)

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first certificate of a node ends (UTC); None where none was verified yet."""
        return self._connections.certificate_ends

    def warm(self, calls: int) -> None:
        """Have connections ready for so many calls, as far as they may be made at once."""
        if self._services is not None and self._warming is None:
            count = min(calls, self._settings.concurrency)
            self._warming = asyncio.create_task(self._warm(self._services.preferred, count))

    async def _warm(self, root: str, count: int) -> None:
        try:
            transport = self._connections.current().transport
            await transport.warm(root, count)
        except SecretError:
            # The call that needs it will say so.
            return
        finally:
            self._warming = None

    def close(self) -> None:
        """Cut off the calls in flight and close all connections."""
        self._connections.close()

    async def _post(
        self,
        action: Action,
        repository: str,
        windows: tuple[str, ...],
        keep_trying: KeepTrying,
        may_send: MaySend,
    ) -> bool:
        path = f"{_ACTIVE}/{quote(repository, safe='')}/{action}"
        # The body of a success is empty for pause and resume, and its shape is promised for none.
        call = Call(action, "POST", path, windows, read_nothing, repository, may_send)
        _, is_unresolved = await self._call(
            call, await self._roots(windows, keep_trying), keep_trying
        )
        return is_unresolved

    async def _roots(self, windows: tuple[str, ...], keep_trying: KeepTrying) -> Roots:
        """Return the service's roots, discovered anew when they gave no list, or no answer at all.

        Those that were known are good enough where the cluster manager does not answer, either.
        """
        services = self._services
        lacks_list, self._lacks_list = self._lacks_list, False
        if services is None:
            found = await self._discovered(windows, keep_trying)
            services = self._services = Roots(self._safe(found))
        elif services is not self._configured and (services.are_all_silent or lacks_list):
            try:
                found = await self._discovered(windows, keep_trying)
            except ServiceError:
                return services
            services = self._services = services.or_others(self._safe(found))
        return services

    async def _discovered(
        self, windows: tuple[str, ...], keep_trying: KeepTrying
    ) -> tuple[str, ...]:
        call = Call(Action.DISCOVER, "GET", discovery.PATH, windows, read_nodes)
        roots, _ = await self._call(call, self._configured, keep_trying)
        return roots

    def _safe(self, roots: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of *roots* that may get the password. Raises ServiceError if none may."""
        if not roots:
            raise ServiceError(
                self._settings.name,
                CallError.NOT_FOUND,
                "no node of the cluster runs the Backup Service where it can be reached",
            )
        if self._settings.allow_insecure_http:
            return roots
        safe = tuple(root for root in roots if not is_plain_http_to_elsewhere(root))
        if not safe:
            raise ServiceError(
                self._settings.name,
                CallError.NOT_FOUND,
                f"it names {self._entered().censor(roots[0])}, which would get the password"
                " unencrypted: discover by https, or set allow_insecure_http: true on this cluster",
            )
        return safe

    async def _call(self, call: Call[T], roots: Roots, keep_trying: KeepTrying) -> tuple[T, bool]:
        """Make the attempts of one call; return its answer, and whether one is unresolved.

        1. Ask the root that answered last. A success ends the call.
        2. A refusal of our identity is tried once more, at once, if its files have changed.
        3. What cannot get better by itself, or has been tried often enough, ends the call.
        4. Silence and a server's own trouble send the next attempt to the next root: at once if
           this call has not asked it yet, otherwise after a back-off.
        5. Each attempt is reported before the wait for the next one.
        6. An attempt takes one of the cluster's slots, and is withheld if it is wanted no more.
        """
        connection = self._entered()
        course = Course(roots, self._settings.retry, self._jitter)
        failed: ServiceError | None = None
        while True:
            async with self._slots:
                if not call.may_send():
                    raise failed or WithheldError(f"{self._settings.name}: {call.action} withheld")
                started, clock = self._now(), time.monotonic()
                result = await self._try(call, course.root, connection)
            duration = timedelta(seconds=time.monotonic() - clock)
            attempt = call.attempt(self._settings.name, course, result.status, started, duration)
            if self._settings.discover:
                # A host that a cluster manager named, perhaps after what we showed it.
                attempt = replace(attempt, url=connection.censor(attempt.url))
            if isinstance(result, Success):
                course.succeed()
                self._on_attempt(attempt)
                return result.value, course.is_unresolved
            connection, delay = self._after(result, course, connection)
            delay = delay if call.may_send() else None
            result = self._explained(result)
            course.is_unresolved |= call.changes_state and not result.is_definite
            self._on_attempt(failed_attempt(attempt, result, delay))
            failed = self._error(result, course, call)
            if delay is None or not await keep_trying(delay):
                raise failed
            course.number += 1

    async def _try(self, call: Call[T], root: str, connection: Connection) -> Success[T] | Failure:
        """Make one attempt; whatever comes of it is a value, and no exception of it leaves here."""
        status = None
        try:
            answer = await connection.transport.exchange(
                call.method, root, call.path, limit=call.limit
            )
            status = answer.status
            if call.is_done(status):
                return await call.result(answer, root, connection.censor)
            return refused(answer, connection.censor, self._now())
        except WireError as exc:
            return broken(exc)
        except Exception as exc:  # noqa: BLE001  # an exchange must not end a pass
            return unforeseen(exc, status, connection.censor)

    def _after(
        self, failure: Failure, course: Course, connection: Connection
    ) -> tuple[Connection, timedelta | None]:
        """Decide what follows: the connection to use, and the wait for the next attempt if any."""
        if failure.concerns_identity and not course.was_renewed:
            renewed = self._connections.renewed(connection)
            if renewed is not None:
                course.was_renewed = True
                return renewed, timedelta(0)
        return connection, course.next_after(failure)

    def _explained(self, failure: Failure) -> Failure:
        """Add to a refusal of our identity why its files could not be read again."""
        problem = self._connections.problem
        if not problem or not failure.concerns_identity:
            return failure
        message = statuses.printable(f"{problem}; the server says: {failure.message}")
        return replace(failure, message=message)

    def _entered(self) -> Connection:
        try:
            return self._connections.current()
        except SecretError as exc:
            message = statuses.printable(str(exc))
            is_tls = isinstance(exc, TlsFileError)
            error = CallError.TLS if is_tls else CallError.UNAUTHORIZED
            raise ServiceError(self._settings.name, error, message) from exc

    def _error(self, failure: Failure, course: Course, call: Call[T]) -> ServiceError:
        censor = self._entered().censor
        said = failure.message or f"HTTP status {failure.status}"
        asked = answers.Asked(
            course.root,
            of_manager=call.action is Action.DISCOVER,
            has_certificate=self._settings.tls.client_cert is not None,
            has_answered=failure.has_answered,
        )
        return ServiceError(
            self._settings.name,
            failure.error,
            f"{said} ({censor(course.root)})" if failure.is_silent else said,
            retryable=failure.again is Again.ANYWHERE,
            unresolved=course.is_unresolved,
            answered=failure.has_answered,
            advice=answers.advice(
                failure.error, asked, is_about_identity=failure.is_about_identity
            ),
            cause=answers.cause(failure.error, said, asked),
        )
