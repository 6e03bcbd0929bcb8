"""Many clusters at once: those that hang hold up nobody."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from tests.process.conftest import Stage, once

SILENT = 40


def test_dozens_that_hang_hold_up_no_other(stage: Stage) -> None:
    """While each of the others waits a minute for its first answer, one cluster is paused."""
    stage.simulate("prod", "orders")
    with ExitStack() as exits:
        for number in range(SILENT):
            # It takes connections, and answers nothing: nobody accepts them.
            server = exits.enter_context(socket.create_server((f"127.0.1.{number + 1}", 0)))
            host, port = server.getsockname()
            stage.elsewhere[f"a{number}"] = f"http://{host}:{port}"
        stage.write(once("night", 2, 600, '{"*": ["*"]}'))
        daemon = stage.start()
        daemon.wait_for("repository.paused", cluster="prod")
        answered = {line["cluster"] for line in daemon.events("http.attempted")}
        # They would be waited for at a stop.
        daemon.kill()

    assert answered == {"prod"}
