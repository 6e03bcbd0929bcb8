"""The process that reads a file: it confines itself, reads, answers and ends."""

from __future__ import annotations

import gc
import os
import pickle
import sys
from typing import NoReturn

from daemon.config.reading.limits import confine
from daemon.config.reading.request import Request, answer

OUT_OF_MEMORY = 3


def serve(request: Request, parent: int, out: int) -> NoReturn:
    """Write the answer to *out*, and end this process whatever happens."""
    code = 1
    try:
        confine(request.limits, parent)
        # It takes a third of the time, for garbage that the end of the process takes away.
        gc.disable()
        with os.fdopen(out, "wb") as pipe:
            pickle.dump(answer(request), pipe, pickle.HIGHEST_PROTOCOL)
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def main(parent: int) -> NoReturn:
    """Serve the request on stdin, which *parent* has written, to stdout."""
    # By pickle: both ends of the pipe are this package, in one version, run by one user.
    request = pickle.load(sys.stdin.buffer)  # noqa: S301
    serve(request, parent, sys.stdout.fileno())  # noqa: TID251  # no people there
