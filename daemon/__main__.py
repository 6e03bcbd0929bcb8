"""`python -m daemon` is `cbmaintd`."""

from __future__ import annotations

import sys

from daemon.cli.main import main

sys.exit(main())
