"""How far an opening is, for programs and for people."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.progress import NO_DAEMON, Pending, Progress
from daemon.wording import enumerated

NAMED = 3
"""How many repositories that wait for the same thing are named."""


def progress_json(found: Progress) -> dict[str, object]:
    """Return it as the contract with programs says."""
    return {
        "wanted": found.wanted,
        "paused": found.paused,
        "pending": [
            {"cluster": each.cluster, "repository": each.repository, "why": each.why}
            for each in found.pending
        ],
    }


def in_short(found: Progress) -> str:
    """Return it for a table: `1 of 4 paused; dr does not answer`."""
    is_unknown = found.unlisted and not found.wanted
    count = "not known how many" if is_unknown else f"{found.paused} of {found.wanted} paused"
    return "; ".join([count, *_shortly(found)])


def _shortly(found: Progress) -> Iterator[str]:
    if len(found.silent) == 1:
        yield f"{found.silent[0]} does not answer"
    elif found.silent:
        yield f"{enumerated(found.silent)} do not answer"
    if any(each.why == NO_DAEMON for each in found.pending):
        yield NO_DAEMON
    if found.elsewhere:
        yield f"{found.elsewhere} by somebody else"
    if found.empty:
        yield f"nothing matches on {enumerated(found.empty)}"


def reasons(found: Progress) -> str:
    """Return what is pending and why, where `in_short` does not say it."""
    alike: dict[str, list[Pending]] = {}
    for each in found.pending:
        if each.why != NO_DAEMON and each.cluster not in found.silent:
            alike.setdefault(each.why, []).append(each)
    return "; ".join(f"{_some(each)}: {why}" for why, each in alike.items())


def _some(pending: list[Pending]) -> str:
    named = ", ".join(map(str, pending[:NAMED]))
    more = len(pending) - NAMED
    return f"{named} and {more} more" if more > 0 else named
