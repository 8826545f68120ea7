"""One run at a time where the root is in a store: among all machines, and after one of them died."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.errors import LockedError
from foundation.stores.mirror import mirror_of
from pipeline.roots.opening import open_root
from pipeline.runs.lock import held
from tests import object_stores
from tests.object_stores import BUCKET

DIES = "import os, sys; from pathlib import Path; from pipeline.runs.lock import held\nwith held(Path(sys.argv[1]), 'dead'): os._exit(9)"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with object_stores.s3() as variables:
        yield variables


@pytest.fixture
def address(store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {**store, "PENSTOCK_CACHE": str(tmp_path / "one")}.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


def test_another_machine_is_refused_until_the_lock_is_free(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = mirror_of(address)
    with held(first, "r1"):
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "two"))
        with pytest.raises(LockedError, match=rf"{address}.*run r1, .*remove the object {address}/lock"):  # noqa: SIM117
            with held(mirror_of(address), "r2"):
                pytest.fail("both hold it")
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "one"))
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "two"))
    with held(mirror_of(address), "r2"):
        assert open_root(address).exists("lock")
    assert not open_root(address).exists("lock")


def test_what_a_dead_process_of_this_machine_left_is_taken_over(address: str) -> None:
    command = [sys.executable, "-c", DIES, str(mirror_of(address))]
    assert subprocess.run(command, check=False).returncode == 9
    assert b"dead" in (open_root(address).read("lock") or b"")
    with held(mirror_of(address), "r2"):
        assert b"r2" in (open_root(address).read("lock") or b"")
