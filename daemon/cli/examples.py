"""What stands under the help of each command: calls that people make."""

from __future__ import annotations

EPILOG = """\
first steps:
  cbmaintd demo                          watch it work on a simulated service
  cbmaintd -c schedules.yaml check       every fault, with its place
  cbmaintd -c schedules.yaml calendar    what opens when

exit codes: 0 done, 1 could not be done, 2 bad usage or file, 130 interrupted
"""
EXAMPLES = {
    "run": """\
examples:
  cbmaintd run                              as the service does
  cbmaintd run --dry-run                    see what it would do
""",
    "check": """\
examples:
  cbmaintd check                            every fault, with its place
  cbmaintd check --online                   also: do clusters accept us?
""",
    "calendar": """\
examples:
  cbmaintd calendar --days 60 --window nightly
  cbmaintd calendar --from 2026-10-25 --days 1
  cbmaintd calendar --days 365 --output ics > maintenance.ics
  cbmaintd calendar --days 30 --impact      what the openings cost in backups
  cbmaintd calendar -c new.yaml --days 90 --against schedules.yaml
""",
    "status": """\
examples:
  cbmaintd status
  cbmaintd status --watch                   until Ctrl-C
  cbmaintd status --output json | jq '.holds[] | select(.last_error)'
""",
    "history": """\
examples:
  cbmaintd history --since 2h
  cbmaintd history --repository prod/orders --since 2026-11-01
  cbmaintd history --window nightly --failed --limit 20
  cbmaintd history --until 2026-11-20T06:00 --limit 50    the fifty before that
  cbmaintd history --since 2026-01-01 --output csv > history.csv
  cbmaintd history --output json | jq '.[] | select(.outcome == "failed")'
""",
    "why": """\
examples:
  cbmaintd why prod/orders                  what covers it now
  cbmaintd why prod/orders --at 2026-12-24T20:00
""",
    "open": """\
examples:
  cbmaintd open patch --repository 'prod/*' --for 2h --reason kernel --wait
  cbmaintd open move --repository prod/orders 'test/t-*' --until 18:00
""",
    "close": """\
examples:
  cbmaintd close nightly --reason "done early"
""",
    "extend": """\
examples:
  cbmaintd extend nightly --for 1h          an hour longer than planned
  cbmaintd extend nightly --until 07:30
""",
    "skip": """\
examples:
  cbmaintd skip nightly                     its next opening
  cbmaintd skip nightly --opening 2026-12-24
""",
    "reload": """\
examples:
  cbmaintd reload                           after an edit; tells its faults
""",
    "apply": """\
examples:
  cbmaintd apply                            when every host has the new file
  cbmaintd apply -c new.yaml                before they do; they wait for it
""",
    "ledger": """\
examples:
  cbmaintd ledger copy ledger.db postgresql+psycopg://cbmaintd@db1/cbmaintd
""",
    "release": """\
examples:
  cbmaintd release                          everything, on every cluster
  cbmaintd release --repository 'prod/*' '*/orders'
  cbmaintd release --ledger /var/lib/cbmaintd/ledger.db
""",
    "demo": """\
examples:
  cbmaintd demo                             ten seconds; touches nothing else
  cbmaintd demo --seconds 30                with time to look around
""",
    "simulate": """\
examples:
  cbmaintd simulate --port 8097 --repositories orders,archive
  cbmaintd simulate --port 0 --latency 50ms --state-file state.json
""",
    "notify": """\
examples:
  cbmaintd notify                           a test message to everybody
  cbmaintd notify slack-1                   to one of them
""",
    "install-unit": """\
examples:
  cbmaintd install-unit --print             look at it first
  cbmaintd install-unit                     as root; tells what to do next
""",
    "completion": """\
examples:
  cbmaintd completion bash > /etc/bash_completion.d/cbmaintd
  cbmaintd completion zsh > /usr/local/share/zsh/site-functions/_cbmaintd
  cbmaintd completion fish > ~/.config/fish/completions/cbmaintd.fish
""",
    "manual": """\
examples:
  cbmaintd manual | man -l -                read it
  cbmaintd manual > /usr/local/share/man/man1/cbmaintd.1
""",
    "schema": """\
examples:
  cbmaintd schema > schedules.schema.json   for an editor
""",
}
