"""Another package called `daemon`: files of python-daemon and ours land in the same folder.

pip neither refuses that nor mentions it.
"""

from __future__ import annotations

from importlib.util import find_spec

import daemon
from daemon.errors import HostError

_ADVICE = "install cbmaintd into an environment of its own"


def warning() -> str:
    """Return a warning if python-daemon is installed beside us, although we still run.

    Raises:
        HostError: its `__init__` has replaced ours, or was removed after it had.

    """
    if not hasattr(daemon, "__version__") or hasattr(daemon, "DaemonContext"):
        raise HostError(
            "python-daemon, whose package is called daemon as well, has replaced files of"
            f" cbmaintd; {_ADVICE}"
        )
    if find_spec("daemon.pidfile"):
        return (
            "python-daemon is installed here as well, and both call their package daemon: an"
            f" update of one breaks the other; {_ADVICE}"
        )
    return ""
