"""A real server of MongoDB's wire protocol: FerretDB over SQLite, built from the Go module proxy where there is Go."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId
from pymongo import MongoClient

from foundation.lock import locked

HERE = Path(__file__).resolve().parent
BUILD_SECONDS = 600


@dataclass
class Ferret:
    """A server that can be stopped and restarted over the same data; each time on another port."""

    binary: Path
    folder: Path
    uri: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        said = self.folder.with_name(f"{self.folder.name}.log")
        with said.open("w") as log:
            command = [str(self.binary), str(self.folder)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        self.uri = self.process.stdout.readline().strip()
        assert self.uri.startswith("mongodb://127.0.0.1:"), f"the server did not start:\n{said.read_text()}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@pytest.fixture(scope="session")
def ferret_binary() -> Path:
    """The server's program, built once for each version of its source."""
    sources = [HERE / name for name in ("main.go", "go.mod", "go.sum")]
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"penstock-ferretdb-{os.getuid()}-{mark}"
    binary = cache / "ferretdb"
    cache.mkdir(mode=0o700, exist_ok=True)
    # Another test process may be building it: a minute of all cores is spent once.
    with locked(cache / "lock"):
        if not binary.exists():
            _build(binary)
    return binary


def _build(binary: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go on this machine, so no FerretDB to export from")
    fresh = binary.with_suffix(f".{os.getpid()}")
    command = [go, "build", "-buildvcs=false", "-o", str(fresh), "."]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"FerretDB was not built within {BUILD_SECONDS} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"FerretDB cannot be built here: {last}")
    os.replace(fresh, binary)


@pytest.fixture(scope="module")
def ferret(ferret_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferret]:
    """A running server for the tests of one module."""
    server = Ferret(ferret_binary, tmp_path_factory.mktemp("ferretdb"))
    server.start()
    yield server
    server.kill()


def made_documents(count: int) -> list[dict[str, Any]]:
    """Documents with ids of four kinds, and values of many."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    kinds: list[Callable[[int], Any]] = [
        lambda i: i,
        lambda i: f"user-{i:05d}",
        lambda i: ObjectId(f"{0x65000000 + i:08x}{i:016x}"),
        lambda i: {"shop": i % 7, "number": i},
    ]
    return [
        {
            "_id": kinds[i % 4](i),
            "n": i,
            "name": f"Zoë {i}",
            "big": Int64(2**53 + i),
            "score": i / 7,
            "updatedAt": now - datetime.timedelta(hours=2) + datetime.timedelta(seconds=i),
            "profile": {"country": ["PT", "BR"][i % 2], "tags": ["a", "b"][: i % 3]},
            "nothing": None,
        }
        for i in range(count)
    ]


@pytest.fixture
def filled(ferret: Ferret, request: pytest.FixtureRequest) -> Any:
    """A collection of its own with 600 documents."""
    client: MongoClient[dict[str, Any]] = MongoClient(ferret.uri)
    collection = client.app[request.node.name.replace("[", "_").replace("]", "")]
    collection.insert_many(made_documents(600))
    yield collection
    client.close()
