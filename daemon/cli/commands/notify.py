"""`cbmaintd notify`: send a test message to each target under `notify`, and print the results."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

from daemon.cli import output, places
from daemon.config.reading.process import load
from daemon.errors import UsageError
from daemon.notify.delivery import Delivery
from daemon.notify.messages import DeliveryError
from daemon.notify.notices import TEST, Notice
from daemon.notify.targets import Target
from daemon.wording import enumerated, nearest_or_all, shown


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send one test message to each target, once; 1 if one did not take it.

    Raises:
        ConfigError: the file is invalid.
        UsageError: it has no such target, or none at all.

    """
    settings = load(places.find_config(args, environ), environ=environ)
    targets = {target.name: target for target in settings.notify}
    if not targets:
        raise UsageError(f"{settings.path} has no targets: add notify to it")
    for name in args.targets:
        if name not in targets:
            raise UsageError(f"there is no target {shown(name)}{nearest_or_all(name, targets)}")
    chosen = [targets[name] for name in args.targets or targets]
    delivery = Delivery(socket.gethostname(), environ)
    failed = [target.name for target in chosen if not _test(delivery, target)]
    if failed:
        output.warn(
            f"cbmaintd: not sent to {len(failed)} of {len(chosen)} targets: {enumerated(failed)};"
            " see cbmaintd manual troubleshooting"
        )
    return 1 if failed else 0


def _test(delivery: Delivery, target: Target) -> bool:
    test = Notice(TEST, "info", datetime.now(UTC), {"opening": TEST})
    try:
        delivery.deliver(target, [test])
    except DeliveryError as exc:
        status = f", HTTP {exc.status}" if exc.status else ""
        output.say(f"{target.name}: FAILED ({exc.error}{status}): {exc}")
        return False
    output.say(f"{target.name}: sent")
    return True
