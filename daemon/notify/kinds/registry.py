"""The kinds of targets that there are. A new kind is its module, and a line in here."""

from __future__ import annotations

from typing import Final

from daemon.notify.kinds.alertmanager import ALERTMANAGER
from daemon.notify.kinds.apprise import APPRISE
from daemon.notify.kinds.ping import PING
from daemon.notify.kinds.slack import SLACK
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.targets import Kind

KINDS: Final[tuple[Kind, ...]] = (WEBHOOK, SLACK, PING, ALERTMANAGER, APPRISE)
