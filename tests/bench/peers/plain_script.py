"""APScheduler and `requests`, as most people would write it: a job for each cluster and start."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
from apscheduler.schedulers.background import BackgroundScheduler

LOG = logging.getLogger("pause")
AUTH = ("bench", "bench-password")


def pause(urls: list[str], done: threading.Semaphore) -> None:
    """Pause the repositories of one cluster, one after the other."""
    for url in urls:
        try:
            requests.post(url, auth=AUTH, timeout=30).raise_for_status()
        except requests.RequestException:
            LOG.exception("could not pause %s", url)
        else:
            LOG.info("paused %s", url)
    done.release()


def main() -> None:
    """Post to the URLs of file argv[1], each after its time in seconds since 1970."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    jobs: dict[tuple[float, str], list[str]] = {}
    for line in Path(sys.argv[1]).read_text().splitlines():
        time, url = line.split()
        jobs.setdefault((float(time), urlsplit(url).netloc), []).append(url)
    done = threading.Semaphore(0)
    scheduler = BackgroundScheduler(timezone=UTC)
    for (at, _), urls in jobs.items():
        run_date = datetime.fromtimestamp(at, UTC)
        scheduler.add_job(pause, "date", run_date=run_date, args=(urls, done))
    scheduler.start()
    for _ in jobs:
        done.acquire()
    scheduler.shutdown()
    sys.stdout.write(json.dumps({"ended": datetime.now(UTC).timestamp()}))


if __name__ == "__main__":
    main()
