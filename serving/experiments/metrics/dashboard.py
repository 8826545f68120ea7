"""The Grafana dashboard of the metrics, to be imported as it is: ``dashboard.json`` beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("dashboard.json")


def text() -> str:
    """Returns the dashboard's JSON."""
    return FILE.read_text(encoding="utf-8")
