"""Versions in a store: each appears whole, two that push at once both do, and a killed push leaves no version."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from components.pusher import destination, versions
from components.pusher.destination import places_of
from components.pusher.following import Following
from components.pusher.result import Ledger, PushResult
from components.pusher.standing import standing
from foundation.errors import DataError, StorageError
from foundation.outside import left
from foundation.storage_remote import Address
from foundation.stores import base, kept, transfer
from foundation.stores.mirror import mirror_of
from foundation.stores.opening import open_store
from tests import object_stores
from tests.object_stores import BUCKET, OTHER_GOOGLE, Faults

FILES = {
    "saved_model.pb": b"",
    "variables/variables.index": b"i" * 50,
    "variables/variables.data": b"d" * 500,
}


@pytest.fixture(scope="module", params=["s3", "gs"])
def store(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    with getattr(object_stores, request.param)() as variables:
        yield request.param, variables


@pytest.fixture
def address(store: tuple[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    scheme, variables = store
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(base, "FIRST_PAUSE", 0.001)
    return f"{scheme}://{BUCKET}/{uuid.uuid4().hex}/serving"


@pytest.fixture
def on(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Goes to another machine, which shares the store alone; returns where it mirrors the versions."""

    def go(name: str) -> Path:
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / name))
        monkeypatch.setattr(kept, "_USED", {})
        return mirror_of(address)

    return go


def model(folder: Path, content: str) -> Path:
    for name, data in {**FILES, "saved_model.pb": content.encode()}.items():
        (folder / f"model-{content}" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"model-{content}" / name).write_bytes(data)
    return folder / f"model-{content}"


def there(address: str) -> dict[str, bytes | None]:
    """Returns what the store holds."""
    opened, key = open_store(Address(address))
    return {entry.key.removeprefix(f"{key}/"): opened.get(entry.key) for entry in opened.list(f"{key}/")}


def served(address: str) -> bytes | None:
    """Returns the content that TF Serving would load: the largest number's."""
    found = there(address)
    number = max(int(name.partition("/")[0]) for name in found if name.partition("/")[0].isdecimal())
    return found[f"{number}/saved_model.pb"]


def test_a_version_is_a_folder_of_the_models_files(
    address: str, on: Callable[[str], Path], tmp_path: Path
) -> None:
    done = versions.push(model(tmp_path, "a"), on("one"), 5, origin="s3://b/Trainer/model/7", run="r1")
    assert set(there(address)) == {f"{done.number}/{name}" for name in FILES} | {Ledger.FILE}
    (version,) = versions.versions(on("two"))
    assert (version.number, version.entry.run, version.current) == (done.number, "r1", True)


def test_what_one_machine_pushes_another_rolls_back_and_pins(
    address: str, on: Callable[[str], Path], tmp_path: Path
) -> None:
    first = versions.push(model(tmp_path, "a"), on("one"), 5).number
    versions.push(model(tmp_path, "b"), on("two"), 5)
    assert not versions.push(model(tmp_path, "b"), on("one"), 5).new
    back = versions.rollback(on("three"))
    assert (back.entry.rollback_of, served(address)) == (first, b"a")
    versions.pin(on("one"), first)
    assert not versions.push(model(tmp_path, "b"), on("two"), 5).new
    assert served(address) == b"a", "a rollback stays"
    versions.unpin(on("one"), first)
    with pytest.raises(DataError, match=f"version 7 in {address}"):
        versions.pin(on("one"), 7)


def test_old_versions_go_and_pinned_ones_stay(
    address: str, on: Callable[[str], Path], tmp_path: Path
) -> None:
    first = versions.push(model(tmp_path, "a"), on("one"), 5).number
    second = versions.push(model(tmp_path, "b"), on("one"), 5).number
    versions.pin(on("two"), first)
    third = versions.push(model(tmp_path, "c"), on("two"), 1)
    assert third.removed == (second,)
    assert {name.partition("/")[0] for name in there(address)} == {str(first), str(third.number), Ledger.FILE}


def test_nobody_sees_a_model_before_all_its_files(
    address: str, on: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, _ = open_store(Address(address))
    kind, seen = type(opened), []
    for name in ("copy", "put", "send"):
        real = getattr(kind, name)

        def watched(self: Any, *given: Any, real: Any = real) -> None:
            real(self, *given)
            seen.append(set(there(address)))

        monkeypatch.setattr(kind, name, watched)
    number = versions.push(model(tmp_path, "a"), on("one"), 5).number
    whole = {f"{number}/{name}" for name in FILES}
    assert len(seen) >= 2 * len(FILES)
    assert all(whole <= names for names in seen if f"{number}/saved_model.pb" in names)


def test_two_that_push_at_once_both_do(
    address: str, on: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, others = transfer.prepared, ["b"]

    def meanwhile(uri: str) -> Any:
        made = real(uri)
        if others:
            versions.push(model(tmp_path, others.pop()), on("two"), 5, run="r2")
            on("one")
        return made

    monkeypatch.setattr(transfer, "prepared", meanwhile)
    done = versions.push(model(tmp_path, "a"), on("one"), 5, run="r1")
    found = versions.versions(on("three"))
    assert [version.entry.run for version in found] == ["r1", "r2"]
    assert (found[0].number, served(address)) == (done.number, b"a")
    assert not [name for name in there(address) if name.startswith(".")]


@pytest.mark.parametrize("where", ["before the ledger", "before it appears", "while it appears"])
def test_a_killed_push_leaves_no_version_and_the_next_cleans_up(
    address: str, on: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    opened, _ = open_store(Address(address))
    with monkeypatch.context() as patch:
        if where == "before the ledger":
            patch.setattr(type(opened), "replace", killed)
        elif where == "before it appears":
            patch.setattr(transfer.Prepared, "appear", killed)
        else:
            real = type(opened).copy
            patch.setattr(
                type(opened), "copy", lambda s, a, b: killed() if b.endswith(".pb") else real(s, a, b)
            )
        with pytest.raises(Killed):
            versions.push(model(tmp_path, "a"), on("one"), 5)
    assert versions.versions(on("two")) == []
    versions.push(model(tmp_path, "b"), on("two"), 5)
    versions.push(model(tmp_path, "c"), on("one"), 5)
    numbered = {str(version.number) for version in versions.versions(on("three"))}
    assert len(numbered) == 2
    assert {name.partition("/")[0] for name in there(address)} == {*numbered, Ledger.FILE}


def test_what_stands_in_a_store_is_compared_with_what_was_pushed(
    address: str, on: Callable[[str], Path], tmp_path: Path
) -> None:
    if address.startswith("gs") and not OTHER_GOOGLE:
        pytest.skip("Arrow, which looks at objects, speaks to Google in ways that the double does not know")
    done = versions.push(model(tmp_path, "a"), on("one"), 5)
    result = PushResult(
        True, version=done.number, fingerprint=done.fingerprint, left=left(places_of(done.path))
    )
    assert standing(on("two"), result).lost == ""
    opened, key = open_store(Address(address))
    opened.put(f"{key}/{done.number}/variables/variables.data", b"altered")
    assert f"{address}/{done.number}/variables/variables.data was changed" in standing(on("two"), result).lost
    opened.delete([f"{key}/{name}" for name in there(address)])
    assert "no longer in s3" in standing(on("two"), result).lost.replace("gs:", "s3:")


def test_a_folder_for_servers_follows_the_newest_version(
    address: str, on: Callable[[str], Path], tmp_path: Path
) -> None:
    on("server")
    served_here = Following(address)
    assert served_here.look() is None
    pushed = []
    for content in "abc":
        pushed.append(versions.push(model(tmp_path, content), on("one"), 5).number)
        on("server")
        assert served_here.look() == pushed[-1]
        assert (served_here.folder / str(pushed[-1]) / "saved_model.pb").read_text() == content
    assert sorted(path.name for path in served_here.folder.iterdir()) == list(map(str, pushed[-2:]))


def test_a_busy_store_costs_time_alone(
    address: str, on: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "AWS_ENDPOINT_URL" if address.startswith("s3") else "STORAGE_EMULATOR_HOST"
    faults = Faults(coming=["503", "", "lose", "", "slow"] * 4)
    with object_stores.failing(os.environ[name], faults) as url:
        monkeypatch.setenv(name, url)
        versions.push(model(tmp_path, "a"), on("one"), 5)
    assert not faults.coming


def test_others_that_change_all_the_time_are_an_error(
    address: str, on: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "_carried_out", lambda *_: False)
    with pytest.raises(StorageError, match=r"one process changes at a time.*10 times"):
        versions.push(model(tmp_path, "a"), on("one"), 5)
