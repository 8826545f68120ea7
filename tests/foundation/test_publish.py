"""Publishing: all or nothing, and a clear error from the system's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from foundation.errors import StorageError
from foundation.publish import published_file, published_folder, storage_error, write_text


def everything_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with published_file(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "half"
    assert everything_in(target.parent) == ["a.txt"]


def test_a_failing_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError, match="no"), published_file(target) as temporary:
        temporary.write_text("new", encoding="utf-8")
        raise RuntimeError("no")
    assert target.read_text(encoding="utf-8") == "old"
    assert everything_in(tmp_path) == ["a.txt"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "models" / "1"
    with published_folder(target) as temporary:
        (temporary / "weights").write_bytes(b"w")
        assert not target.exists()
    assert everything_in(target) == ["weights"]


def test_a_failing_block_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no"), published_folder(tmp_path / "1") as temporary:
        (temporary / "weights").write_bytes(b"w")
        raise RuntimeError("no")
    assert everything_in(tmp_path) == []


def test_a_folder_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with (
        pytest.raises(StorageError, match="expected a path that does not exist yet"),
        published_folder(tmp_path / "1"),
    ):
        pass
    assert everything_in(tmp_path) == ["1"]


def test_a_file_in_place_of_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="expected a readable or writable path"):
        write_text(tmp_path / "a" / "b.txt", "text")


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="No space left on device; remedy: free space"),
        published_file(tmp_path / "a"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EACCES, "write permission"),
        (errno.EROFS, "read-only"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "check the path and the disk"),
    ],
)
def test_remedies_fit_the_cause(code: int, remedy: str) -> None:
    error = storage_error("/x", OSError(code, os.strerror(code)))
    assert remedy in error.remedy
    assert error.exit_code == 7
