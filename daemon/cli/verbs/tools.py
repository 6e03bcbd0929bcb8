"""Commands to try cbmaintd out and to install it; none of them needs a running daemon."""

from __future__ import annotations

import argparse

from daemon.cli.verbs.verb import Names, Verb, count, filled, port
from daemon.simulator.faults import ODD_SERVERS


def _demo(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--seconds", type=count, default=6, metavar="N", help="how long the window is; default 6"
    )


def _simulate(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--host", default="127.0.0.1")
    verb.add_argument("--port", type=port, default=8097, help="0 takes a free one; default 8097")
    verb.add_argument("--management-port", type=port, default=None, help="default: a free one")
    verb.add_argument("--repositories", default="orders,tenant-a,tenant-b,archive", metavar="A,B,…")
    verb.add_argument("--username", default="Administrator", help="default: Administrator")
    verb.add_argument("--password", default="password", help="default: password")
    verb.add_argument("--tls-cert", metavar="FILE")
    verb.add_argument("--tls-key", metavar="FILE")
    verb.add_argument("--latency", default="0s", metavar="D", help="before each answer, as 50ms")
    verb.add_argument("--state-file", metavar="FILE", help="keep the state over restarts")
    odd = verb.add_argument_group("odd servers, for those who try their set-up", _faults())
    odd.add_argument(
        "--fault", action="append", metavar="NAME[=VALUE]", help="be one; may be given repeatedly"
    )


def _faults() -> str:
    """Return what each `--fault` does, a line each."""
    named = {
        f"{name}[={value}]" if value else name: meaning
        for name, (value, meaning) in ODD_SERVERS.items()
    }
    return "\n".join(f"{name:27}{meaning}" for name, meaning in named.items())


def _notify(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "targets", metavar="TARGET", nargs="*", help="by name, as slack-1; default: all"
    )


def _install_unit(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--print", action="store_true", help="only print the unit")
    verb.add_argument(
        "--root", type=filled, metavar="DIR", help="below this folder instead of /, as for images"
    )


def _completion(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"))


VERBS = (
    Verb(
        "demo",
        "Watch the daemon work on a simulated service.",
        examples="""\
  cbmaintd demo                             ten seconds; touches nothing else
  cbmaintd demo --seconds 30                with time to look around
""",
        declare=_demo,
    ),
    Verb(
        "simulate",
        "Serve a simulated Backup Service.",
        examples="""\
  cbmaintd simulate --port 8097 --repositories orders,archive
  cbmaintd simulate --port 0 --latency 50ms --state-file state.json
  cbmaintd simulate --fault stall=20s --fault unknown-state=orders
""",
        declare=_simulate,
    ),
    Verb(
        "notify",
        "Send a test message to those under notify.",
        examples="""\
  cbmaintd notify                           a test message to everybody
  cbmaintd notify slack-1                   to one of them
""",
        declare=_notify,
        completes={"targets": Names.TARGETS},
    ),
    Verb(
        "install-unit",
        "Install the systemd units and an example file.",
        examples="""\
  cbmaintd install-unit --print             look at it first
  cbmaintd install-unit                     as root; tells what to do next
""",
        declare=_install_unit,
    ),
    Verb(
        "completion",
        "Print what completes commands in a shell.",
        examples="""\
  cbmaintd completion bash > /etc/bash_completion.d/cbmaintd
  cbmaintd completion zsh > /usr/local/share/zsh/site-functions/_cbmaintd
  cbmaintd completion fish > ~/.config/fish/completions/cbmaintd.fish
""",
        declare=_completion,
    ),
    Verb(
        "manual",
        "Print the man page.",
        examples="""\
  cbmaintd manual | man -l -                read it
  cbmaintd manual > /usr/local/share/man/man1/cbmaintd.1
""",
    ),
    Verb(
        "schema",
        "Print the JSON Schema of schedules.yaml.",
        examples="""\
  cbmaintd schema > schedules.schema.json   for an editor
""",
    ),
)
