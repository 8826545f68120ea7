"""Builds the environment that Airflow has for itself, or finds in a fraction of a second that it is up to date.

    python scripts/airflow_environment.py [airflow2]

Nothing of TFX can be installed beside Airflow 3, so it gets ``requirements/airflow.txt`` in ``build/airflow``, or in the folder
that ``PENSTOCK_AIRFLOW_ENVIRONMENT`` names; with ``airflow2`` the same for Airflow 2. The last line is the path of its Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from bootstrap.packages import uv_settings

ROOT = Path(__file__).resolve().parents[1]


def main(name: str = "airflow") -> int:
    """Builds an environment if need be and prints its Python; uv says what went wrong.

    Args:
        name: What it is for: its lock is ``requirements/NAME.txt``, its folder ``build/NAME``.
    """
    lock = ROOT / "requirements" / f"{name}.txt"
    named = os.environ.get(f"PENSTOCK_{name.upper()}_ENVIRONMENT")
    folder = Path(named or ROOT / "build" / name).absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    with folder.with_name(f"{folder.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version}"
        built = folder / "built-from"
        if not (built.exists() and built.read_text() == wanted):
            if code := _build(folder, python, lock):
                return code
            built.write_text(wanted)
    print(python)
    return 0


def _build(folder: Path, python: Path, lock: Path) -> int:
    """Returns uv's exit code."""
    uv = os.environ.get("UV") or str(ROOT / ".venv" / ".setup" / "tools" / "bin" / "uv")
    listing = [sys.executable, "-E", "-s", "-m", "pip", "config", "list"]
    settings = uv_settings(
        subprocess.run(listing, capture_output=True, text=True, check=True).stdout, os.environ
    )
    install: list[str | Path] = [
        "pip",
        "install",
        "--python",
        python,
        "--require-hashes",
        "--compile-bytecode",
        "-r",
        lock,
    ]
    make: list[str | Path] = ["venv", "--clear", "--python", sys.executable, folder]
    for arguments in (make, install):
        done = subprocess.run([uv, "--quiet", *arguments], env={**os.environ, **settings})
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
