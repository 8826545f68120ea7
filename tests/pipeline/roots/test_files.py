"""Small files of a pipeline root: whole or absent, created by exactly one of many, wherever the root is."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.errors import StorageError
from foundation.stores import base
from pipeline.roots.base import Root
from pipeline.roots.opening import open_root
from tests import object_stores
from tests.object_stores import BUCKET, Faults


@pytest.fixture(scope="module", params=["folder", "s3", "gs"])
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    """Kind of root, and the variables that name its store."""
    if request.param == "folder":
        yield "folder", {}
        return
    with getattr(object_stores, request.param)() as variables:
        yield request.param, variables


@pytest.fixture
def root(kind: tuple[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    scheme, variables = kind
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(base, "FIRST_PAUSE", 0.001)
    if scheme == "folder":
        return open_root("root", tmp_path)
    return open_root(f"{scheme}://{BUCKET}/{uuid.uuid4().hex}/root/")


@pytest.fixture
def faulty(root: Root, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Root, Faults]]:
    """The same root behind a proxy that fails."""
    faults = Faults()
    name = {"s3": "AWS_ENDPOINT_URL", "gs": "STORAGE_EMULATOR_HOST"}.get(root.uri[:2])
    if name is None:
        pytest.skip("a folder has no network")
    with object_stores.failing(os.environ[name], faults) as url:
        monkeypatch.setenv(name, url)
        yield open_root(root.uri), faults


@pytest.mark.parametrize("fault", ["503", "slow", "refuse", "lose"])
def test_a_store_in_trouble_costs_time_alone(faulty: tuple[Root, Faults], fault: str) -> None:
    root, faults = faulty
    calls: list[Any] = [
        lambda: root.publish("a", b"one"),
        lambda: root.read("a") == b"one" or pytest.fail("another content"),
        lambda: root.list("runs") == [] or pytest.fail("files"),
        lambda: root.delete("a"),
        lambda: not root.exists("a") or pytest.fail("there still"),
    ]
    for call in calls:
        faults.coming = [fault, fault]
        call()
        assert not faults.coming


@pytest.mark.parametrize("fault", ["503", "refuse", "lose"])
def test_a_creation_whose_answer_is_lost_is_still_ours(faulty: tuple[Root, Faults], fault: str) -> None:
    root, faults = faulty
    faults.coming = [fault]
    assert root.create("claim", b"ours")
    assert not root.create("claim", b"another's")
    assert root.read("claim") == b"ours"


def test_a_store_that_stays_away_is_an_error_without_secrets(faulty: tuple[Root, Faults]) -> None:
    root, faults = faulty
    faults.forever = "503"
    with pytest.raises(StorageError, match=rf"503.*{base.ATTEMPTS} attempts.*run the same command") as caught:
        root.publish("a", b"")
    assert "secret" not in str(caught.value)
    assert caught.value.may_pass
    assert len([line for line in faults.seen if line.startswith(("PUT", "POST"))]) == base.ATTEMPTS


def test_no_such_bucket(root: Root) -> None:
    if "://" not in root.uri:
        pytest.skip("a folder has no bucket")
    if root.uri.startswith("gs"):
        pytest.skip("the double has one bucket, whatever its name")
    with pytest.raises(StorageError, match=r"NoSuchBucket.*check bucket") as caught:
        open_root(f"{root.uri[:2]}://elsewhere/a").publish("a", b"")
    assert not caught.value.may_pass


def test_what_is_published_is_read(root: Root) -> None:
    assert root.read("runs/a/run.json") is None and not root.exists("runs/a/run.json")
    root.publish("runs/a/run.json", b"one")
    root.publish("runs/a/run.json", b"two")
    assert root.read("runs/a/run.json") == b"two" and root.exists("runs/a/run.json")


def test_of_many_that_create_a_file_one_does(root: Root) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: root.create("runs/a/claim", b"%d" % n), range(16)))
    assert made.count(True) == 1
    assert root.read("runs/a/claim") == b"%d" % made.index(True)


def test_a_created_file_is_not_created_again_until_it_is_deleted(root: Root) -> None:
    assert root.create("claim", b"one") and not root.create("claim", b"two")
    root.delete("claim")
    assert root.create("claim", b"three") and root.read("claim") == b"three"


def test_files_are_listed_at_any_depth_and_in_order(root: Root) -> None:
    assert root.list("runs") == []
    for path in ("runs/b/2/x", "runs/b/10/x", "runs/a", "runs2/x"):
        root.publish(path, b"")
    assert root.list("runs") == ["runs/a", "runs/b/10/x", "runs/b/2/x"]
    assert root.list("runs/b") == ["runs/b/10/x", "runs/b/2/x"]


def test_what_does_not_exist_can_be_deleted(root: Root) -> None:
    root.delete("runs/none")
    root.publish("runs/a", b"")
    root.delete("runs/a")
    assert not root.exists("runs/a")


@pytest.mark.parametrize("path", ["", "/etc/x", "a//b", "../x", "a/./b", "a/"])
def test_no_path_leaves_the_root(root: Root, path: str) -> None:
    for ask in (root.read, root.exists, root.delete, lambda one: root.create(one, b"")):
        with pytest.raises(StorageError, match="relative path"):
            ask(path)


def test_files_of_a_folder_get_the_usual_permissions(tmp_path: Path) -> None:
    root = open_root(str(tmp_path))
    (tmp_path / "usual").write_bytes(b"")
    root.create("created", b"")
    root.publish("published", b"")
    assert len({(tmp_path / name).stat().st_mode for name in ("usual", "created", "published")}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["created", "published", "usual"]
