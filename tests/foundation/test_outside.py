"""What a node left outside the root: any loss or change is seen, by content, and nothing else is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.outside import left, lost


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    (folder / "variables").mkdir(parents=True)
    (folder / "a.jsonl").write_text("one", encoding="utf-8")
    (folder / "variables" / "b").write_text("two", encoding="utf-8")
    return folder


def same_size_and_times(file: Path) -> None:
    before = file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # a file system's clock ticks in milliseconds
        file.write_text("eno", encoding="utf-8")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced_by_another(file: Path) -> None:
    other = file.with_name("other")
    other.write_text("new", encoding="utf-8")
    os.replace(other, file)


def made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "removed": (lambda file: file.unlink(), "is gone"),
    "folder removed": (lambda file: shutil.rmtree(file.parent), "is gone"),
    "altered": (lambda file: file.write_text("one and more"), "was changed"),
    "cut off": (lambda file: file.write_text(""), "was changed"),
    "same size and times": (same_size_and_times, "was changed"),
    "another's": (replaced_by_another, "was changed"),
    "folder": (made_a_folder, "is no file any more"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(published: Path, name: str) -> None:
    recorded = left([published])
    change, expected = CHANGES[name]
    change(published / "a.jsonl")
    assert lost(recorded) == f"{published / 'a.jsonl'} {expected}"


def test_what_stands_as_it_was_left_is_not_lost(published: Path) -> None:
    recorded = left([published])
    assert lost(recorded, published) == ""


def test_the_same_content_written_again_is_the_same(published: Path) -> None:
    recorded = left([published / "a.jsonl"])
    (published / "a.jsonl").unlink()
    (published / "a.jsonl").write_text("one", encoding="utf-8")
    assert lost(recorded) == ""


def test_an_unchanged_file_is_not_read_again(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = left([published])
    monkeypatch.setattr("foundation.outside._digest", lambda file: pytest.fail(f"{file} was read"))
    assert lost(recorded, published) == ""


def test_a_file_beside_counts_only_where_nothing_else_may_be(published: Path) -> None:
    recorded = left([published])
    (published / "variables" / "more").write_text("x", encoding="utf-8")
    assert lost(recorded) == ""
    assert lost(recorded, published) == f"{published / 'variables' / 'more'} was added"
