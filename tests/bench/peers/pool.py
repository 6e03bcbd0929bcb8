"""A bare thread pool that posts to every URL of a file and does nothing else."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter


def main() -> None:
    """Post `{}` to the URLs of file argv[1] from argv[3] threads; tell the time in JSON.

    The time begins when those of file argv[2] are done, so that connections are made by then.
    """
    urls, waits = (Path(name).read_text().split() for name in sys.argv[1:3])
    threads = int(sys.argv[3])
    session = requests.Session()
    session.auth = ("bench", "bench-password")
    session.mount("http://", HTTPAdapter(pool_connections=10, pool_maxsize=threads))

    def post(url: str) -> None:
        session.post(url, json={}, timeout=30).raise_for_status()

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(post, waits):
            pass
        clock, cpu = time.perf_counter(), time.process_time()
        for _ in pool.map(post, urls):
            pass
    spent = {"seconds": time.perf_counter() - clock, "cpu_s": time.process_time() - cpu}
    sys.stdout.write(json.dumps(spent))


if __name__ == "__main__":
    main()
