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
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import cast

import daemon
from daemon.cli import name_clash, output, parser
from daemon.errors import CbmaintdError, ConfigError, UsageError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; nothing else ends the process."""
    _prepare_streams()
    try:
        return _run_and_flush(sys.argv[1:] if argv is None else argv)
    except ConfigError as exc:
        # Faults stand at the start of their lines, where editors look for a place to jump to.
        return _fail(exc.exit_code, *exc.lines())
    except CbmaintdError as exc:
        return _fail(exc.exit_code, f"cbmaintd: {exc}")
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "cbmaintd: interrupted")
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
    out = sys.stdout  # noqa: TID251  # nothing is written to it here
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")


def _run_and_flush(argv: Sequence[str]) -> int:
    """Run, and flush all that was printed: a full disk is a failure."""
    try:
        return _run(argv)
    finally:
        output.flush()


def _run(argv: Sequence[str]) -> int:
    if "_ARGCOMPLETE" in os.environ:
        # A shell asks for completions; the answer ends the process.
        importlib.import_module("daemon.cli.completion").answer(os.environ)
    if clash := name_clash.warning():
        output.warn(f"cbmaintd: {clash}")
    args = parser.read(argv)
    if args.version:
        output.say(f"cbmaintd {daemon.__version__}")
        return 0
    if args.verb is None:
        sys.stderr.write(parser.help_text())  # noqa: TID251  # ours, with its lines
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
    output.discard()
    if isinstance(exc, BrokenPipeError):
        # The reader has seen enough (`| head`): that is no error.
        return 1
    return _fail(1, f"cbmaintd: the system refuses: {exc}")


def _fail(code: int, *lines: str) -> int:
    for line in lines:
        output.warn(line)
    return code


def _bug(exc: Exception) -> int:
    if os.environ.get("CBMAINTD_DEBUG"):
        return _fail(1, *"".join(traceback.format_exception(exc)).splitlines())
    what = f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}"
    advice = "please report it, with what CBMAINTD_DEBUG=1 shows"
    return _fail(1, f"cbmaintd: a bug: {what}; {advice}")
