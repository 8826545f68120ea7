"""Links: no second copy of bytes where the disk can do without, the same files everywhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foundation.link import link_file, link_tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    return folder


def no_links(source: object, target: object) -> None:
    raise OSError("another disk")


def test_a_tree_is_linked(source: Path, tmp_path: Path) -> None:
    link_tree(source, tmp_path / "target")
    assert (tmp_path / "target/saved_model.pb").samefile(source / "saved_model.pb")
    assert (tmp_path / "target/variables/data").samefile(source / "variables/data")


def test_a_tree_is_copied_where_it_cannot_be_linked(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    link_tree(source, tmp_path / "target")
    copy = tmp_path / "target/variables/data"
    assert copy.read_bytes() == b"weights" and not copy.samefile(source / "variables/data")


def test_a_symbolic_link_stands_for_its_file(source: Path, tmp_path: Path) -> None:
    (source / "link").symlink_to("saved_model.pb")
    assert link_file(source / "link", tmp_path / "file")
    assert not (tmp_path / "file").is_symlink() and (tmp_path / "file").read_bytes() == b"graph"


def test_a_copy_is_told_from_a_link(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    assert not link_file(source / "saved_model.pb", tmp_path / "file")


def test_what_can_be_neither_linked_nor_copied_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link_file(tmp_path / "missing", tmp_path / "target")
