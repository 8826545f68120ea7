"""Runs a suite and reads its verdicts."""

from __future__ import annotations

import subprocess

SECONDS = 120


def verdicts(command: list[str]) -> dict[str, str]:
    """Returns what a suite printed, by case: ``PASS``, ``SKIP``, or ``FAIL`` and what was seen."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    found = {}
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        if verdict in ("PASS", "SKIP"):
            found[rest] = verdict
        elif verdict == "FAIL":
            name, _, seen = rest.partition(" :: ")
            found[name] = f"FAIL {seen}"
    assert done.returncode == 0, done.stderr[-2000:]
    return found
