"""Small files of a pipeline root: whole or absent, created by exactly one of many, wherever the root is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foundation.errors import StorageError
from pipeline.roots.base import Root
from pipeline.roots.opening import open_root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root("root", tmp_path)


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
