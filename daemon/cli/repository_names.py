"""Repositories as people name them on the command line: `CLUSTER/REPOSITORY`, or patterns."""

from __future__ import annotations

from daemon.errors import UsageError


def parse_repository_name(text: str, given: str, form: str) -> tuple[str, str]:
    """Return the cluster and the repository, or the patterns, that *text* names.

    Raises:
        UsageError: a part is missing; it quotes the argument as *given*, and says its *form*.

    """
    cluster, slash, repository = text.partition("/")
    if not (cluster and slash and repository):
        raise UsageError(f"{given}: write {form}")
    return cluster, repository
