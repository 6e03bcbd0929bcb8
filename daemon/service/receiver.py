"""How a connection takes what comes: by one buffer, which all of an event loop share."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Final

_BUFFER: Final = memoryview(bytearray(64 * 1024))


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
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take the piece out of the buffer."""
        self.data_received(bytes(_BUFFER[:nbytes]))
