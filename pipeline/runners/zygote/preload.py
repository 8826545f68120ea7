"""What a zygote imports, and the threads that it has then."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence

EVERYTHING = ("pipeline.runners.zygote.everything",)
"""All that a run's processes need."""


def load(names: Sequence[str]) -> int:
    """Imports modules; returns how many threads the process has then."""
    for name in names:
        importlib.import_module(name)
    return threads()


def threads() -> int:
    """Returns how many threads this process has, those of libraries included."""
    return len(os.listdir("/proc/self/task"))
