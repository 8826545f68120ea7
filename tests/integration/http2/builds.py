"""Builds the foreign clients and h2spec once for each version of their sources, from their languages' package registries."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.lock import locked

HERE = Path(__file__).resolve().parent
BUILD_SECONDS = 600


def needed(*programs: str) -> None:
    """Skips the test where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not on this machine: {', '.join(missing)}")


def go() -> list[str]:
    """Returns the command of the Go program: h2spec, gRPC's interop cases, and our cases with grpc-go."""
    needed("go")

    def build(folder: Path) -> None:
        _run(
            "go",
            "build",
            "-buildvcs=false",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            str(folder / "suites"),
            ".",
            cwd=HERE / "go",
        )

    return [str(_built("go", build) / "suites")]


def java() -> list[str]:
    """Returns the command of the program with grpc-java on Netty."""
    needed("java", "javac", "mvn")

    def build(folder: Path) -> None:
        jars = folder / "jars"
        _run(
            "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}", cwd=HERE / "java"
        )
        _run(
            "javac",
            "-cp",
            f"{jars}/*",
            "-d",
            str(folder / "classes"),
            str(HERE / "java" / "Client.java"),
            cwd=folder,
        )

    folder = _built("java", build)
    # The client lives for two seconds: the second compiler and a large heap only cost time.
    return [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        f"{folder}/classes:{folder}/jars/*",
        "Client",
    ]


def node() -> list[str]:
    """Returns the command of the program with @grpc/grpc-js."""
    needed("node", "npm")

    def build(folder: Path) -> None:
        for file in (HERE / "node").iterdir():
            shutil.copy(file, folder)
        _run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=folder)

    return ["node", str(_built("node", build) / "client.js")]


def _built(name: str, build: Callable[[Path], None]) -> Path:
    sources = sorted(path for path in (HERE / name).iterdir() if path.is_file())
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"penstock-suites-{name}-{os.getuid()}-{mark}"
    folder, done = cache / "built", cache / "done"
    cache.mkdir(mode=0o700, exist_ok=True)
    # Another test process may be building it.
    with locked(cache / "lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder


def _run(*command: str, cwd: Path) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not end within {BUILD_SECONDS} s")
    if done.returncode:
        last = "; ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        pytest.skip(f"{command[0]} cannot build here: {last}")
