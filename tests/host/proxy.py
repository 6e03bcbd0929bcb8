"""A TCP proxy that can swallow everything, or cut everything off: a network at its worst."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Proxy:
    """Forwards connections to a port of this machine while it is told to."""

    def __init__(self, target: int) -> None:
        """Listen on a free port."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._passes = threading.Event()
        self._passes.set()
        self._is_closed = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """Forward nothing more, in neither direction, and say nothing."""
        self._passes.clear()

    def reset(self) -> None:
        """Cut all connections off, as a machine that died and came back would."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)
                # One whose peer is gone already cannot be shut down, and is closed all the same.
                end.close()

    def heal(self) -> None:
        """Forward again; what was swallowed is gone with its connections."""
        self.reset()
        self._passes.set()

    def close(self) -> None:
        """End."""
        self._is_closed = True
        self._passes.set()
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._passes.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            client.close()
            return
        self._pairs.append((client, server))
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    self._passes.wait()
                    found = key.fileobj
                    assert isinstance(found, socket.socket)
                    data = found.recv(65536)
                    if not data:
                        client.close()
                        server.close()
                        return
                    key.data.sendall(data)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy."""
    running = Proxy(target)
    try:
        yield running
    finally:
        running.close()
