"""The Java that runs a job server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from foundation.errors import PenstockError, SpecError

PACKAGES = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/sun.nio.ch",
)
"""Packages of Java that Flink and Spark look into, which Java has closed since version 16."""


def find_java() -> Path | None:
    """Returns the program: that of ``JAVA_HOME`` if it is set, else the one on the path; None without any."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    return Path(found) if found else None


def missing(engine: str) -> PenstockError:
    """Returns the error for a machine without Java.

    Args:
        engine: Name of the engine.
    """
    return SpecError(
        f"run.beam: {engine}",
        expected="Java 11 or 17, which runs Beam's job server",
        seen="no java in JAVA_HOME or on the path",
        remedy="install it (Debian: apt-get install openjdk-17-jre-headless), or name a running job server: "
        "run.beam_args: [--job_endpoint=host:port]",
    )


def opened() -> list[str]:
    """Returns Java's options that open what Flink and Spark look into."""
    return [f"--add-opens={package}=ALL-UNNAMED" for package in PACKAGES]
