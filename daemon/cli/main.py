"""The command line from end to end: the one place that turns an error into an exit code.

Only the standard library is imported here: `--version` and `--help` should not wait for the rest.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import cast

from daemon import __version__
from daemon.cli import parser
from daemon.errors import CbmaintdError, ConfigError, UsageError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; nothing else ends the process."""
    _prepare_streams()
    try:
        return _run_and_flush(sys.argv[1:] if argv is None else argv)
    except ConfigError as exc:
        # Faults stand at the start of their lines, where editors look for a place to jump to.
        return _fail(str(exc), exc.exit_code)
    except CbmaintdError as exc:
        return _fail(f"cbmaintd: {exc}", exc.exit_code)
    except KeyboardInterrupt:
        return _fail("cbmaintd: interrupted", INTERRUPTED)
    except OSError as exc:
        return _refused(exc)
    except Exception as exc:  # noqa: BLE001  # the last edge: a traceback is not for users
        return _bug(exc)


def _prepare_streams() -> None:
    """Prepare for streams that are closed (`>&-`), and for those that take only ASCII.

    A closed one is opened on /dev/null: otherwise the next file, perhaps the ledger, would get its
    number, and what is meant for the stream would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run_and_flush(argv: Sequence[str]) -> int:
    """Run, and flush all that was printed: a full disk is a failure."""
    try:
        return _run(argv)
    finally:
        sys.stdout.flush()


def _run(argv: Sequence[str]) -> int:
    if "_ARGCOMPLETE" in os.environ:
        # A shell asks for completions; the answer ends the process.
        importlib.import_module("daemon.cli.completion").answer(os.environ)
    args = parser.read(argv)
    if args.version:
        sys.stdout.write(f"cbmaintd {__version__}\n")
        return 0
    if args.verb is None:
        sys.stderr.write(parser.help_text())
        return UsageError.exit_code
    command = _loaded(parser.VERBS[args.verb].path)
    run = cast("Callable[[argparse.Namespace, Mapping[str, str]], int]", command.run)
    return run(args, os.environ)


def _loaded(module: str) -> ModuleType:
    """Import a module, and collect no garbage meanwhile: there is none, and it takes a tenth."""
    if loaded := sys.modules.get(module):
        return loaded
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        # What was imported stays, so that later collections need not go through it.
        gc.freeze()
        gc.enable()


def _refused(exc: OSError) -> int:
    # Discard what is still to be written: flushing at exit would fail once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(exc, BrokenPipeError):
        # The reader has seen enough (`| head`): that is no error.
        return 1
    return _fail(f"cbmaintd: the system refuses: {exc}", 1)


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def _bug(exc: Exception) -> int:
    if os.environ.get("CBMAINTD_DEBUG"):
        raise exc
    what = f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}"
    advice = "please report it, with what CBMAINTD_DEBUG=1 shows"
    return _fail(f"cbmaintd: a bug: {what}; {advice}", 1)
