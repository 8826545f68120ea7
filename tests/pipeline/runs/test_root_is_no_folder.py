"""A pipeline root that is a file, and a home that does not exist, are named as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import StorageError
from foundation.publish import require_folder
from pipeline.roots.opening import open_root
from pipeline.runs.lock import held


def test_a_run_names_a_root_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.touch()
    with (
        pytest.raises(StorageError, match=r"pipeline root .*out.*a folder.*a file.*name a folder"),
        held(file, "r1"),
    ):
        pass


def test_a_node_names_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(StorageError, match=r"pipeline root .*out.*a folder.*a file"):
        open_root("out", tmp_path)
    open_root("new", tmp_path)


def test_a_folder_that_must_be_there_is_named(tmp_path: Path) -> None:
    require_folder(tmp_path, "home", "name it")
    with pytest.raises(StorageError, match=r"home .*typo.*a folder.*nothing there.*name it"):
        require_folder(tmp_path / "typo", "home", "name it")
