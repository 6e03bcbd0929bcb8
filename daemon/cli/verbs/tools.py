"""Commands to try cbmaintd out and to install it; none of them needs a running daemon."""

from __future__ import annotations

import argparse

from daemon.cli.verbs.verb import Names, Verb, count, filled, port
from daemon.simulator.faults import ODD_SERVERS


def _init(verb: argparse.ArgumentParser) -> None:
    cluster = verb.add_argument_group("a live cluster; without it, the example is printed")
    where = cluster.add_mutually_exclusive_group()
    where.add_argument(
        "--url", type=filled, metavar="U", help="its Backup Service, such as https://host:18097"
    )
    where.add_argument(
        "--discover", type=filled, metavar="U", help="its manager, such as https://host:18091"
    )
    cluster.add_argument(
        "--username", type=filled, metavar="U", help="a user who may list repositories"
    )
    cluster.add_argument(
        "--password-file", type=filled, metavar="F", help="a file with the password, chmod 600"
    )
    cluster.add_argument(
        "--ca-file", type=filled, metavar="F", help="with https: the cluster's authority in PEM"
    )


def _demo(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--seconds",
        type=count,
        default=6,
        metavar="N",
        help="length of the window in seconds; default 6",
    )


def _simulate(verb: argparse.ArgumentParser) -> None:
    where = verb.add_argument_group("where it listens")
    where.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="address; default: only this machine"
    )
    where.add_argument(
        "--port",
        type=port,
        default=8097,
        metavar="P",
        help="of the Backup Service; 0 takes a free one; default 8097",
    )
    where.add_argument(
        "--management-port",
        type=port,
        default=None,
        metavar="P",
        help="of the cluster manager, for discover; default: a free one",
    )
    where.add_argument("--tls-cert", metavar="FILE", help="certificate in PEM: speak https")
    where.add_argument("--tls-key", metavar="FILE", help="its key in PEM")
    what = verb.add_argument_group("what it serves")
    what.add_argument(
        "--repositories",
        default="orders,tenant-a,tenant-b,archive",
        metavar="A,B,…",
        help="ids of its repositories; default: orders,tenant-a,tenant-b,archive",
    )
    what.add_argument(
        "--username", default="Administrator", metavar="U", help="user; default: Administrator"
    )
    what.add_argument(
        "--password", default="password", metavar="P", help="password; default: password"
    )
    what.add_argument(
        "--latency",
        default="0s",
        metavar="D",
        help="wait this long before each answer, such as 50ms",
    )
    what.add_argument("--state-file", metavar="FILE", help="keep the state over restarts")
    odd = verb.add_argument_group("misbehaving servers, to try your setup", _faults())
    odd.add_argument(
        "--fault",
        action="append",
        metavar="NAME[=VALUE]",
        help="misbehave like this; may be repeated",
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
        "targets",
        metavar="TARGET",
        nargs="*",
        help="name of a target, such as slack-1; default: all",
    )


def _install_unit(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--print", action="store_true", help="only print the unit")
    verb.add_argument(
        "--root",
        type=filled,
        metavar="DIR",
        help="install below this folder instead of /, as for images",
    )


def _completion(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish"
    )


def _manual(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("topic", metavar="TOPIC", nargs="?", help="a page; default: list them")


def _help(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("command", metavar="VERB", nargs="?", help="a command; default: all of them")


VERBS = (
    Verb(
        "init",
        "Print a schedules.yaml to begin with.",
        examples="""\
  cbmaintd init > schedules.yaml            an example with every key
  cbmaintd init --url https://node1:18097 --username u --password-file f
""",
        declare=_init,
    ),
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
        "Send a test message to the targets under notify.",
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
        "Print the completion script for a shell.",
        examples="""\
  cbmaintd completion bash > /etc/bash_completion.d/cbmaintd
  cbmaintd completion zsh > /usr/local/share/zsh/site-functions/_cbmaintd
  cbmaintd completion fish > ~/.config/fish/completions/cbmaintd.fish
""",
        declare=_completion,
    ),
    Verb(
        "manual",
        "List the pages of the manual, or show one.",
        examples="""\
  cbmaintd manual                           all pages, each with its question
  cbmaintd manual troubleshooting           one of them
  cbmaintd manual cbmaintd.1 | man -l -     as man shows it
""",
        declare=_manual,
        completes={"topic": Names.TOPICS},
    ),
    Verb(
        "schema",
        "Print the JSON Schema of schedules.yaml.",
        examples="""\
  cbmaintd schema > schedules.schema.json   for an editor
""",
    ),
    Verb(
        "help",
        "Show what a command does, and its options.",
        examples="""\
  cbmaintd help                             all commands
  cbmaintd help open                        what open does
""",
        declare=_help,
        completes={"command": Names.COMMANDS},
    ),
    Verb(
        "version",
        "Print the version.",
        examples="""\
  cbmaintd version                          as cbmaintd --version
""",
    ),
)
