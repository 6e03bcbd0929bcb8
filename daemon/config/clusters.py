"""Check a cluster of schedules.yaml and turn its section into `ClusterSettings`.

These are the checks that involve more than one field: which keys need or exclude each other,
whether the secrets exist and who may read them. Errors are added to the faults; the result must
then not be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from daemon.config.addresses import port_advice
from daemon.config.faults import Faults, Place
from daemon.config.fields import Section
from daemon.config.sections import ClusterSection
from daemon.durations import format_duration
from daemon.errors import SecretError
from daemon.host import secrets
from daemon.host.loopback import is_plain_http_to_elsewhere
from daemon.service.cluster import ClusterSettings, RetryPolicy, Timeouts, Tls

_FILES = ("ca_file", "client_cert", "client_key")


@dataclass(frozen=True, slots=True)
class SecretSources:
    """Where secrets are, in *folder* or *environ*, and whether they must exist."""

    folder: Path
    environ: Mapping[str, str]
    must_exist: bool

    def path(self, name: str | None) -> Path | None:
        """Return the path that a name in the file refers to."""
        return secrets.resolve(name, self.folder, self.environ) if name else None


def cluster_settings(
    place: Place, section: ClusterSection, sources: SecretSources, faults: Faults
) -> ClusterSettings:
    """Return the settings of the cluster at *place*; errors are added to *faults*."""
    _check_urls(place, section, faults)
    _check_identity(place, faults)
    settings = ClusterSettings(
        name=str(place.path[-1]),
        urls=section.url or (),
        discover=section.discover or (),
        username=section.username,
        password_file=sources.path(section.password_file),
        password_env=section.password_env,
        tls=_tls(section.tls, sources),
        timeout=_timeouts(place.at("timeout"), _given(section.timeout), faults),
        retry=_retry(place.at("retry"), _given(section.retry), faults),
        labels=tuple(sorted((section.labels or {}).items())),
        allow_insecure_http=bool(section.allow_insecure_http),
    )
    if sources.must_exist:
        _check_secrets(place, settings, sources, faults)
    _warn(place, settings, faults)
    if section.concurrency is None:
        return settings
    return replace(settings, concurrency=section.concurrency)


def _warn(place: Place, settings: ClusterSettings, faults: Faults) -> None:
    """Warn of what works but is unwise, or cannot be meant; said at every start."""
    if not settings.tls.verify:
        message = "false: anyone on the network path can read and change everything"
        faults.warn(place.at("tls", "verify"), message)
    for key, roots in (("url", settings.urls), ("discover", settings.discover)):
        for index, root in enumerate(roots):
            if is_plain_http_to_elsewhere(root):
                message = (
                    f"{root} is not encrypted: anyone on the network path can read the password"
                )
                faults.warn(place.at(key, index), message)
            if advice := port_advice(root, key):
                faults.warn(place.at(key, index), advice)


def _given(section: Section | None) -> dict[str, Any]:
    return {key: value for key, value in section or () if value is not None}


def _check_urls(place: Place, section: ClusterSection, faults: Faults) -> None:
    for key, roots in (("url", section.url or ()), ("discover", section.discover or ())):
        for index, root in enumerate(roots):
            if root in roots[:index]:
                faults.add(place.at(key, index), f"{root} is in the list already")
            if is_plain_http_to_elsewhere(root) and not section.allow_insecure_http:
                faults.add(
                    place.at(key, index),
                    f"{root} would carry the password unencrypted: use https, or set"
                    " allow_insecure_http: true on this cluster",
                )


def _check_identity(place: Place, faults: Faults) -> None:
    passwords = [key for key in ("password_file", "password_env") if place.has(key)]
    if len(passwords) > 1:
        faults.add_at_key(place.at("password_env"), "there is password_file already: keep one")
    if passwords and not place.has("username"):
        faults.add_at_key(place.at(passwords[0]), "there is no username for this password")
    # For a `password` there is a fault already that says what to do instead.
    if not passwords and not place.has("password"):
        if place.has("username"):
            message = "there is no password for this user: add password_file or password_env"
            faults.add_at_key(place.at("username"), message)
        elif not place.at("tls").has("client_cert"):
            message = "username and password_file are missing; a client certificate does instead"
            faults.add_at_key(place, message)
    _check_pair(place.at("tls"), faults)


def _check_pair(tls: Place, faults: Faults) -> None:
    for key, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        if tls.has(key) and not tls.has(other):
            message = f"{other} is missing beside it; if one file holds both, name it twice"
            faults.add_at_key(tls.at(key), message)


def _tls(section: Section | None, sources: SecretSources) -> Tls:
    given = _given(section)
    paths = {key: sources.path(given[key]) for key in _FILES if key in given}
    return replace(Tls(), **(given | paths))


def _timeouts(place: Place, given: dict[str, Any], faults: Faults) -> Timeouts:
    """Fill in defaults that do not contradict the given values; report values that do."""
    times = replace(Timeouts(), **given)
    parts = {"connect": times.connect, "read": times.read}
    if "total" not in given:
        return replace(times, total=max(times.total, *parts.values()))
    for key in parts.keys() & given.keys():
        if parts[key] > times.total:
            allowed = format_duration(times.total)
            faults.add(place.at(key), f"longer than total, which is {allowed}")
    return replace(times, **{key: min(part, times.total) for key, part in parts.items()})


def _retry(place: Place, given: dict[str, Any], faults: Faults) -> RetryPolicy:
    """Fill in defaults that do not contradict the given values; report values that do."""
    policy = replace(RetryPolicy(), **given)
    if policy.first_delay <= policy.max_delay:
        return policy
    if given.keys() >= {"first_delay", "max_delay"}:
        allowed = format_duration(policy.first_delay)
        faults.add(place.at("max_delay"), f"shorter than first_delay, which is {allowed}")
    if "max_delay" in given:
        return replace(policy, first_delay=policy.max_delay)
    return replace(policy, max_delay=policy.first_delay)


def _check_secrets(
    place: Place, settings: ClusterSettings, sources: SecretSources, faults: Faults
) -> None:
    """Read every file and variable as a call would, and discard the contents."""
    for steps, check in _secret_checks(settings, sources.environ):
        try:
            found = check()
        except SecretError as exc:
            faults.add(place.at(*steps), str(exc))
        else:
            if isinstance(found, secrets.Secret) and found.reveal() != found.reveal().strip():
                message = "the password begins or ends with a space: did an editor leave it there?"
                faults.warn(place.at(*steps), message)


def _secret_checks(
    settings: ClusterSettings, environ: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], Callable[[], object]]]:
    file, env, tls = settings.password_file, settings.password_env, settings.tls
    if file is not None:
        yield ("password_file",), partial(secrets.read_password, file, None, environ)
    if env is not None:
        yield ("password_env",), partial(secrets.read_password, None, env, environ)
    if tls.ca_file is not None:
        yield ("tls", "ca_file"), partial(secrets.check_readable, tls.ca_file)
    if tls.client_cert is not None:
        yield ("tls", "client_cert"), partial(secrets.check_readable, tls.client_cert)
    if tls.client_key is not None:
        yield ("tls", "client_key"), partial(secrets.check_file, tls.client_key, environ)
