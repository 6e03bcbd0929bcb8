"""What a list showed, as the ledger keeps it."""

from __future__ import annotations

import pytest

from daemon.core.decide import Reason
from daemon.core.listing import Listing


def test_a_listing_is_kept_whole() -> None:
    """Ids, openings and why something was left come back; equal listings are the same text."""
    reasons = {"b": Reason.YIELDED, "a": Reason.YIELDED, "c": Reason.PAUSED_ELSEWHERE}
    listing = Listing(frozenset("abc"), frozenset({"night@x"}), reasons)
    same = Listing(frozenset("cba"), listing.openings, dict(reversed(reasons.items())))

    assert Listing.parse(listing.text()) == listing == same
    assert listing.text() == same.text()


@pytest.mark.parametrize("text", ["[]", "{}", '{"ids": 1}', "nonsense"])
def test_what_is_no_listing_is_a_value_error(text: str) -> None:
    """A row that somebody damaged is no bug of whoever reads it."""
    with pytest.raises(ValueError, match=r"."):
        Listing.parse(text)
