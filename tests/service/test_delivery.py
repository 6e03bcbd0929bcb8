"""Messages over real sockets: what a target answers, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from daemon.log import events
from daemon.notify.delivery import Delivery
from daemon.notify.kinds.apprise import APPRISE
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.messages import DeliveryError
from daemon.notify.notices import Notice
from daemon.notify.targets import Header, Kind, Target
from tests.evil.server import Behaviour, EvilServer, Talk, answer, cut, resetting
from tests.service.client.kit import server_context

SECRET = "T0KEN-in-the-path"
NOTICE = Notice(
    events.CLUSTER_UNREACHABLE,
    "error",
    datetime(2026, 11, 23, 12, tzinfo=UTC),
    {"cluster": "prod", "error": "timeout"},
)


class Sender:
    """Delivers to servers, whose URL is in a file."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Write files to *folder*."""
        self.redacted: list[str] = []
        self.delivery = Delivery("host1", environ, redact=self.redacted.append)
        self._file = folder / "url"
        self._file.touch(mode=0o600)

    def send(self, url: str, kind: Kind = WEBHOOK, proxy: str | None = None) -> None:
        """Send one notice to *url*."""
        self._file.write_text(f"{url}\n")
        self.delivery.deliver(Target("t", kind, url_file=self._file, proxy=proxy), [NOTICE])

    def failure(self, url: str, kind: Kind = WEBHOOK, proxy: str | None = None) -> DeliveryError:
        """Send, which must fail, and must show nothing secret."""
        with pytest.raises(DeliveryError) as raised:
            self.send(url, kind, proxy)
        assert SECRET not in str(raised.value)
        return raised.value


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    """Return a sender."""
    return Sender(tmp_path, {"HTTP_PROXY": "http://127.0.0.1:9"})


Serve = Callable[..., EvilServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return what starts servers."""
    with ExitStack() as exits:
        yield lambda *behaviours, **more: exits.enter_context(EvilServer(behaviours, **more))


def test_a_message_is_posted_once(sender: Sender, serve: Serve) -> None:
    """A target gets one POST, with a user and password of the URL if it has them."""
    server = serve(answer(204))
    url = server.url.replace("//", "//me:pass@") + f"/{SECRET}"

    sender.send(url)

    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", f"/{SECRET}")
    assert seen.headers["authorization"] == "Basic bWU6cGFzcw=="
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body)["event"] == "cluster.unreachable"
    assert sender.redacted == [url]


def quoting(talk: Talk) -> None:
    """Refuse, and quote what was asked for."""
    answer(404, f"no such hook: {talk.request.path}".encode())(talk)


REFUSED: list[tuple[Behaviour, tuple[str, int | None, bool]]] = [
    (answer(500), ("server_error", 500, True)),
    (answer(429, Retry_After="7"), ("throttled", 429, True)),
    (quoting, ("not_found", 404, False)),
    (answer(403), ("forbidden", 403, False)),
    (answer(302, Location=f"https://x/{SECRET}"), ("redirect", 302, False)),
    (cut(), ("reset", None, True)),
    (resetting, ("reset", None, True)),
    (cut(b"nonsense\r\n\r\n"), ("protocol", None, True)),
]


@pytest.mark.parametrize(("behaviour", "expected"), REFUSED)
def test_a_failure_says_what_it_is(
    sender: Sender, serve: Serve, behaviour: Behaviour, expected: tuple[str, int | None, bool]
) -> None:
    """What may go well later is told from what never will; nothing shows the URL."""
    server = serve(behaviour)

    failure = sender.failure(f"{server.url}/{SECRET}")

    assert (failure.error, failure.status, failure.is_passing) == expected
    assert len(server.seen) == 1
    assert failure.retry_after == (timedelta(seconds=7) if failure.status == 429 else None)


def test_what_is_said_after_a_success_does_not_matter(sender: Sender, serve: Serve) -> None:
    """A 200 whose body is cut off was taken, and is not sent again."""
    server = serve(cut(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"))

    sender.send(server.url)

    assert len(server.seen) == 1


def test_the_environment_has_no_say(sender: Sender, serve: Serve, tmp_path: Path) -> None:
    """No proxy of the environment is used, and no password of a .netrc is sent."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    server = serve(answer())

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NETRC", str(tmp_path / ".netrc"))
        environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        environment.setenv("http_proxy", "http://127.0.0.1:9")
        sender.send(server.url)

    assert "authorization" not in server.seen[0].headers


def test_a_proxy_is_used_where_the_file_says_so(sender: Sender, serve: Serve) -> None:
    """Plain HTTP goes to the proxy as a whole; TLS through it, which shows it the host alone."""
    proxy = serve(answer(), answer(403))

    sender.send(f"http://chat.invalid/{SECRET}", proxy=proxy.url)
    failure = sender.failure(f"https://chat.invalid/{SECRET}", proxy=proxy.url)

    plain, tunnel = proxy.seen
    assert plain.path == f"http://chat.invalid/{SECRET}"
    assert (tunnel.method, tunnel.path) == ("CONNECT", "chat.invalid:443")
    assert failure.is_passing


def test_a_server_that_cannot_be_trusted_gets_nothing(sender: Sender, serve: Serve) -> None:
    """A certificate of nobody we know is refused before the URL's path is sent."""
    server = serve(answer(), tls=server_context(trustme.CA()))

    failure = sender.failure(f"{server.url}/{SECRET}")

    assert failure.error == "tls"
    assert server.seen == []


def test_a_url_that_changes_is_read_anew(sender: Sender, serve: Serve, tmp_path: Path) -> None:
    """A rotated URL needs no restart; one that is gone is a failure that may pass."""
    first, second = serve(answer()), serve(answer())

    sender.send(first.url)
    sender.send(second.url)
    (tmp_path / "url").unlink()
    with pytest.raises(DeliveryError) as raised:
        sender.delivery.deliver(
            Target("t", WEBHOOK, url_file=tmp_path / "url"),
            [NOTICE],
        )

    assert (len(first.seen), len(second.seen)) == (1, 1)
    assert (raised.value.error, raised.value.is_passing) == ("url", True)
    assert sender.redacted == [first.url, second.url]


def test_apprise_delivers(sender: Sender, serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    """A URL of the apprise library is delivered by it, and it prints nothing."""
    server = serve(answer(), answer(500))
    url = server.url.replace("http://", "json://") + f"/{SECRET}"

    sender.send(url, APPRISE)
    failure = sender.failure(url, APPRISE)

    body = json.loads(server.seen[0].body)
    assert body["title"] == "cbmaintd on host1"
    assert body["message"] == "[error] cluster prod is not responding correctly (timeout)"
    assert (failure.error, failure.is_passing) == ("apprise", True)
    assert capfd.readouterr() == ("", "")


def test_headers_go_along_and_are_secrets(sender: Sender, serve: Serve, tmp_path: Path) -> None:
    """They are read anew for each message, told to the log, and taken out of what a server says."""
    server = serve(answer(204), answer(403, b"no such token: T0KEN-of-the-gateway"))
    file = tmp_path / "token"
    file.touch(mode=0o600)
    target = Target("t", WEBHOOK, url_env="URL", headers=(Header("Authorization", file),))
    delivery = Delivery("host1", {"URL": server.url}, redact=sender.redacted.append)

    file.write_text("Bearer first-T0KEN\n")
    delivery.deliver(target, [NOTICE])
    file.write_text("Bearer T0KEN-of-the-gateway\n")
    with pytest.raises(DeliveryError) as raised:
        delivery.deliver(target, [NOTICE])

    sent = [seen.headers["authorization"] for seen in server.seen]
    assert sent == ["Bearer first-T0KEN", "Bearer T0KEN-of-the-gateway"]
    assert "no such token: ***" in str(raised.value)
    assert {"first-T0KEN", "Bearer T0KEN-of-the-gateway"} <= set(sender.redacted)


def test_a_header_that_is_not_there_is_not_sent_without(serve: Serve) -> None:
    """The message waits for its file, as one whose URL is missing does."""
    server = serve(answer(204))
    target = Target("t", WEBHOOK, url_env="URL", headers=(Header("X-Token", env="GONE"),))

    with pytest.raises(DeliveryError) as raised:
        Delivery("host1", {"URL": server.url}).deliver(target, [NOTICE])

    assert (raised.value.error, raised.value.is_passing) == ("headers", True)
    assert not server.seen
