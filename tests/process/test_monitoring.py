"""Metrics and health of the real daemon, over HTTP."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from daemon.monitoring.metrics import Metrics, State
from daemon.monitoring.monitor import Monitor
from daemon.monitoring.page.scene import Scene
from tests.process.conftest import Stage, once, wait_until

BAD = "  night:\n    weekly: {days: [someday], start: 02:00, end: 06:00}\n"


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, path: str, host: str = "localhost", method: str = "GET") -> tuple[int, str]:
    """Ask for a page under the name *host*; gives the status and the text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def top(port: int, more: str = "") -> str:
    """Write the top of a file that listens at *port*."""
    return f"resync: 1s\nlisten: 127.0.0.1:{port}\n{more}"


def test_metrics_and_health(stage: Stage) -> None:
    """A scrape tells what was done and how things stand; health is good, and it is ready."""
    port = free_port()
    stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600), top=top(port))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    status, text = ask(port, "/metrics")
    healthy, ready = ask(port, "/healthz"), ask(port, "/readyz")
    daemon.stop()

    assert status == 200
    assert 'cbmaintd_holds{cluster="prod"} 1.0' in text
    assert 'cbmaintd_window_open{window="night"} 1.0' in text
    assert 'cbmaintd_http_attempts_total{action="pause",cluster="prod"' in text
    assert 'cbmaintd_events_total{event="repository.paused"} 1.0' in text
    assert "cbmaintd_config_last_reload_successful 1.0" in text
    assert (healthy[0], json.loads(healthy[1])) == (200, {"ok": True, "reasons": []})
    assert ready[0] == 200


def test_ill_health_says_why(stage: Stage) -> None:
    """A rejected file and a hold older than `max_pause` make health fail, and are named.

    A restart would mend neither: it is ready, and alive.
    """
    port = free_port()
    stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600), top=top(port, "max_pause: 1s\n"))
    daemon = stage.start()
    daemon.wait_for("repository.failed", error="max_pause")

    stage.write(BAD, top=top(port))
    daemon.wait_for("config.rejected")
    status, text = ask(port, "/healthz")
    _, metrics = ask(port, "/metrics")
    others = [ask(port, path)[0] for path in ("/readyz", "/livez")]
    daemon.stop()

    reasons = json.loads(text)["reasons"]
    assert status == 503
    assert any("rejected" in reason for reason in reasons)
    assert "prod/orders: held longer than max_pause" in reasons
    assert "cbmaintd_config_last_reload_successful 0.0" in metrics
    assert others == [200, 200]


@dataclass
class Standing:
    """A daemon whose file was rejected, and that may stand still."""

    stalled: list[str]

    def state(self) -> State:
        """Return nothing of interest."""
        return State(
            (),
            (),
            is_config_good=False,
            config_applied=None,
            config_digest="0" * 64,
            config_differs=False,
            dropped_lines=0,
        )

    def problems(self) -> list[str]:
        """Return all that is wrong."""
        return [*self.stalled, "rejected"]

    def stalls(self) -> list[str]:
        """Return what a restart mends."""
        return self.stalled

    def scene(self) -> Scene:
        """Nobody looks at the page here."""
        raise NotImplementedError


def test_what_stands_still_is_told_to_who_restarts() -> None:
    """`/livez` fails for what a restart mends, and for nothing else of `/healthz`."""
    port = free_port()
    stalls: list[str] = []
    monitor = Monitor(Metrics(), Standing(stalls), on_bug=print)
    monitor.listen(("127.0.0.1", port))

    moving = [ask(port, path)[0] for path in ("/healthz", "/livez")]
    stalls.append("the main loop has stopped")
    standing = ask(port, "/livez")
    monitor.close()

    assert moving == [503, 200]
    assert (standing[0], json.loads(standing[1])["reasons"]) == (503, stalls)


def test_only_what_is_served_is_answered(stage: Stage) -> None:
    """Other paths, methods and names of hosts are refused; a reader that dawdles is cut off."""
    port = free_port()
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200), top=top(port))
    daemon = stage.start()
    daemon.wait_for("config.applied")
    wait_until(lambda: is_open(port), "it listens")

    absent = ask(port, "/secrets")
    foreign = ask(port, "/metrics", host="evil.example.com")
    posted = ask(port, "/metrics", method="POST")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        cut_off = idle.recv(100)
    daemon.stop()

    assert absent[0] == 404
    assert "/metrics, /healthz, /readyz" in absent[1]
    assert foreign[0] == 421
    assert "ask by its IP address, as localhost" in foreign[1]
    assert posted[0] == 405
    assert cut_off == b""


def test_readers_that_drip_shut_nobody_out(stage: Stage) -> None:
    """Readers that send a little now and then are cut off in time, and others are answered."""
    port = free_port()
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200), top=top(port))
    daemon = stage.start()
    daemon.wait_for("config.applied")
    wait_until(lambda: is_open(port), "it listens")

    with ExitStack() as exits:
        readers = [exits.enter_context(connected(port)) for _ in range(20)]
        wait_until(lambda: all(drip(reader) for reader in readers), "all are cut off")
        status, _ = ask(port, "/healthz")
    daemon.stop()

    assert status == 200


def connected(port: int) -> socket.socket:
    """Begin to ask for something."""
    reader = socket.create_connection(("127.0.0.1", port), timeout=10)
    reader.sendall(b"GET /healthz HTTP/1.1\r\n")
    return reader


def drip(reader: socket.socket) -> bool:
    """Send one more byte; return whether the connection is over."""
    try:
        reader.sendall(b"X")
    except OSError:
        return True
    return False


def test_the_address_can_be_changed(stage: Stage) -> None:
    """An edit moves the endpoint; an address that is taken is said, and changes nothing."""
    first, second = free_port(), free_port()
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200), top=top(first))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    stage.write(once("night", 3600, 7200), top=top(second))
    daemon.wait_for("config.applied", 2)
    wait_until(lambda: is_open(second), "it listens elsewhere")
    wait_until(lambda: not is_open(first), "it no longer listens there")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stage.write(once("night", 3600, 7200), top=top(taken.getsockname()[1]))
        warned = daemon.wait_for("config.warned")
    still = ask(second, "/readyz")
    daemon.stop()

    assert "cannot listen" in warned[0]["warning"]
    assert still[0] == 200


def test_an_address_that_is_taken_refuses_the_start(stage: Stage) -> None:
    """A start that cannot listen where the file says ends with exit 1, and says so in one line."""
    stage.simulate("prod", "orders")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stage.write(once("night", 3600, 7200), top=top(taken.getsockname()[1]))
        done = stage.ask("run")

    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "(Address already in use); choose another" in done.stderr


def is_open(port: int) -> bool:
    """Check whether somebody listens at *port*."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
