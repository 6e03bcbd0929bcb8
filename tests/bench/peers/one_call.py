"""One call by one Python process, as `couchbase-cli` makes it."""

from __future__ import annotations

import sys

import requests


def main() -> None:
    """Post `{}` to the URL that is argv[1]."""
    answer = requests.post(sys.argv[1], json={}, auth=("bench", "bench-password"), timeout=30)
    answer.raise_for_status()


if __name__ == "__main__":
    main()
