"""`cbmaintd schema`: the JSON Schema of schedules.yaml, for editors."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon.cli import output
from daemon.config.json_schema import json_schema


def run(_args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the schema."""
    output.write_json(json_schema())
    return 0
