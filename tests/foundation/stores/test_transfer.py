"""Folders between a store and its mirror: whole, brought once, cleaned of half an upload, bounded in size."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.errors import StorageError
from foundation.storage_remote import Address
from foundation.stores import base, kept, transfer
from foundation.stores.brought import exists, fetched, looked_at
from foundation.stores.mirror import address_of, mirror_of
from foundation.stores.opening import open_store
from tests import object_stores
from tests.object_stores import BUCKET, Faults

FILES = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"i" * 100,
    "variables/data": b"d" * 9_000_000,
}


@pytest.fixture(scope="module", params=["s3", "gs"])
def store(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    with getattr(object_stores, request.param)() as variables:
        yield request.param, variables


@pytest.fixture
def uri(store: tuple[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    scheme, variables = store
    for name, value in {**variables, "PENSTOCK_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(base, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(kept, "_USED", {})
    return f"{scheme}://{BUCKET}/{uuid.uuid4().hex}/Trainer/model/7"


def _write(folder: Path, files: dict[str, bytes] = FILES) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _there(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def _another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "other") -> None:
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / name))


def _put(uri: str, content: bytes) -> None:
    store, key = open_store(Address(uri))
    store.put(key, content)


def test_a_folder_arrives_on_another_machine_as_it_was(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(mirror_of(uri))
    (mirror_of(uri) / "assets").mkdir()
    transfer.sent(uri)
    _another_machine(monkeypatch, tmp_path)
    folder = fetched(uri)
    assert _there(folder) == FILES
    assert (folder / "assets").is_dir()


def test_what_is_here_is_not_brought_again(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(mirror_of(uri))
    transfer.sent(uri)
    brought: list[str] = []
    real = transfer._fetch
    monkeypatch.setattr(transfer, "_fetch", lambda *given: (brought.append(given[1].key), real(*given)))
    fetched(uri)
    assert brought == []
    _another_machine(monkeypatch, tmp_path)
    looked_at(uri)
    assert brought == []
    fetched(uri)
    fetched(uri)
    assert len(brought) == len(FILES)
    _put(f"{uri}/saved_model.pb", b"GRAPH")
    assert (fetched(uri) / "saved_model.pb").read_bytes() == b"GRAPH"
    assert len(brought) == len(FILES) + 1


def test_a_damaged_mirror_is_made_whole(uri: str, tmp_path: Path) -> None:
    _write(mirror_of(uri))
    transfer.sent(uri)
    (mirror_of(uri) / "variables/data").write_bytes(b"half")
    (mirror_of(uri) / "saved_model.pb").unlink()
    assert _there(fetched(uri)) == FILES


def test_what_is_gone_there_goes_here_and_what_others_keep_beside_it_stays(uri: str) -> None:
    _write(mirror_of(uri))
    transfer.sent(uri)
    (mirror_of(uri) / "rows.npz").write_bytes(b"kept")
    store, key = open_store(Address(uri))
    store.delete([f"{key}/saved_model.pb"])
    assert set(_there(fetched(uri))) == {*FILES, "rows.npz"} - {"saved_model.pb"}


def test_half_an_upload_is_cleaned_up_and_done_again(uri: str) -> None:
    _put(f"{uri}/variables/of-another-attempt", b"stray")
    _put(f"{uri}/saved_model.pb", b"older")
    _write(mirror_of(uri))
    transfer.sent(uri)
    store, key = open_store(Address(uri))
    assert {entry.key.removeprefix(f"{key}/") for entry in store.list(f"{key}/")} == set(FILES)


def test_readers_wait_for_what_is_sent_last(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real = transfer._send
    monkeypatch.setattr(transfer, "_send", lambda *given: (order.append(given[2]), real(*given)))
    _write(mirror_of(uri))
    transfer.sent(uri, last=["saved_model.pb"])
    assert order[-1].endswith("/saved_model.pb")


def test_a_store_that_is_busy_costs_time_alone(
    uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "AWS_ENDPOINT_URL" if uri.startswith("s3") else "STORAGE_EMULATOR_HOST"
    faults = Faults(coming=["503", "", "slow", "refuse", "", "503"])
    with object_stores.failing(os.environ[name], faults) as url:
        monkeypatch.setenv(name, url)
        _write(mirror_of(uri))
        transfer.sent(uri)
        assert not faults.coming
        faults.coming = ["503", "", "slow", "refuse", "", "503"]
        _another_machine(monkeypatch, tmp_path)
        assert _there(fetched(uri)) == FILES
        assert not faults.coming


def test_an_artifact_that_is_gone_is_an_error_with_a_remedy(uri: str) -> None:
    with pytest.raises(StorageError, match=r"files of an artifact.*--force"):
        fetched(uri)
    assert not exists(uri)


def test_the_cache_forgets_what_was_used_longest_ago_but_nothing_in_use(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "used", "new"):
        _write(mirror_of(f"{uri}/{name}"), {"x": bytes(1000)})
        transfer.sent(f"{uri}/{name}")
    for handle in kept._USED.values():  # as if this process had ended
        os.close(handle)
    kept._USED.clear()
    holder = "import sys; from foundation.stores.kept import use; use(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holder, f"{uri}/used"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline().strip() == "held"
        monkeypatch.setenv("PENSTOCK_CACHE_BYTES", "1500")
        gone = kept.trim()
        assert other.stdin
        other.stdin.close()
    assert gone == [f"{uri}/old", f"{uri}/new"]
    assert [path.name for path in mirror_of(uri).iterdir()] == ["used"]


def test_mirror_and_address_stand_for_each_other(uri: str) -> None:
    assert address_of(mirror_of(uri)) == uri
    assert address_of(mirror_of(uri) / "x") == f"{uri}/x"
    assert (address_of("/data/x"), str(mirror_of("/data/x"))) == ("/data/x", "/data/x")
