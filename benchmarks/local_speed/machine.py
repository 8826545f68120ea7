"""The machine and the environment in one line, without names of hosts or paths."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

from foundation.errors import StorageError

PACKAGES = ("tfx", "tensorflow", "apache-beam", "keras")


def describe_machine() -> str:
    """Returns date, processor, cores, memory and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    today = datetime.datetime.now(datetime.UTC).date()
    cores = len(os.sched_getaffinity(0))
    return f"{today}; {_processor()}, {cores} cores, {memory:.0f} GB; Python {platform.python_version()}, {versions}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def check_byte_code() -> None:
    """Refuses an environment whose packages are not compiled: it would slow both sides by half a minute.

    Raises:
        StorageError: TFX has no compiled byte code.
    """
    spec = importlib.util.find_spec("tfx")
    if (
        spec is None
        or spec.origin is None
        or not Path(importlib.util.cache_from_source(spec.origin)).exists()
    ):
        remedy = "run scripts/setup, or python -m compileall on the environment"
        raise StorageError("tfx", expected="compiled byte code", seen="none", remedy=remedy)
