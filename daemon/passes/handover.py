"""A cluster that is called otherwise, or is reached elsewhere: how its holds go on.

A hold says in which cluster, by its name in the file, and at which address the repository was
paused. Three edits can part the two:

1. **The name changes**, the address stays. `Fleet.prepare` finds, before the new rules are in
   force, that a cluster which the file no longer names has the address of one that it names and of
   which nothing is known yet. The old lane makes no more passes and hands over everything it
   remembers; by the new rules it would have resumed it. The new lane makes none before that. If the
   name comes back first, the old lane keeps what it has and goes on.
2. **The address changes**, the name stays, and another cluster answers there. What that one lacks
   is not gone: `decide` calls it a stray, and it goes on under the name `NAME at ADDRESS`, by which
   the earlier settings are known (`ClusterSettings.formerly`), until it is resumed there.
3. **The cluster is removed.** Its lane stays until nothing is held.

In each case the records move within one durable transaction, so that whoever is killed finds them
under one of the two names, and under that alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.passes.holdings import Holdings


async def hand_over(holdings: Holdings, names: Mapping[str, str]) -> list[Record]:
    """Move records to other clusters' names, and return them as they are there.

    *names* has the new cluster of each repository; those that are not in *holdings* have gone
    already. Raises LedgerError: nothing was moved.
    """
    renamed = {
        record.key.id: replace(record, key=RepositoryKey(name, record.key.id), missing_since=None)
        for record in holdings.records()
        if (name := names.get(record.key.id))
    }
    if renamed:
        await holdings.hand_over(renamed)
    return list(renamed.values())
