"""How a connection takes what comes: by one buffer, which all of a thread share."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from typing import Final


class _Shared(threading.local):
    """Of each thread, since each may have an event loop."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(64 * 1024))


_SHARED: Final = _Shared()


class Receiver(asyncio.BufferedProtocol):
    """A protocol that is given bytes, without a new buffer of 256 KiB for each piece.

    asyncio makes one for protocols that are not buffered, and cuts it down to what came: with the
    answer to a POST that takes longer than to read it.
    """

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Take a piece of what comes."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next piece goes; it is taken from there before another one comes."""
        del sizehint
        return _SHARED.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take the piece out of the buffer."""
        self.data_received(bytes(_SHARED.buffer[:nbytes]))
