"""Digests of code kept beside its byte code: the same as made anew, and gone with any change."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.code import Code

ROOTS = {"a": ["components.a"], "b": ["components.b"]}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Code of two modules that was last changed a while ago."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (tmp_path / "components").mkdir()
    for name, text in (("a", "from components import b\n"), ("b", "x = 1\n")):
        (tmp_path / "components" / f"{name}.py").write_text(text)
    monkeypatch.setattr("pipeline.kept_digests._SETTLED_SECONDS", 0.0)
    return tmp_path


def test_they_are_read_where_nothing_has_changed(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Code(base, base / "kept").digests(ROOTS)
    assert made == Code(base).digests(ROOTS)
    monkeypatch.setattr(Path, "read_bytes", _refused)
    assert Code(base, base / "kept").digests(ROOTS) == made


def _refused(path: Path) -> bytes:
    raise AssertionError(f"{path} was read")


@pytest.mark.parametrize("change", ["content", "same size and time", "new file", "replaced"])
def test_any_change_makes_them_anew(base: Path, change: str) -> None:
    before = Code(base, base / "kept").digests(ROOTS)
    file = base / "components" / "b.py"
    at = file.stat()
    if change == "content":
        file.write_text("x = 12\n")
    elif change == "same size and time":
        file.write_text("x = 2\n")
        os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))
    elif change == "replaced":
        (base / "new").write_text("x = 3\n")
        os.utime(base / "new", ns=(at.st_atime_ns, at.st_mtime_ns))
        (base / "new").rename(file)
    else:
        (base / "components" / "c.py").write_text("")
        (base / "components" / "a.py").write_text("from components import b, c\n")
    after = Code(base, base / "kept").digests(ROOTS)
    assert after == Code(base).digests(ROOTS)
    assert after["a"] != before["a"]


def test_they_are_not_kept_of_a_file_that_has_only_just_changed(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.kept_digests._SETTLED_SECONDS", 3600.0)
    Code(base, base / "kept").digests(ROOTS)
    assert not (base / "kept").exists()
    monkeypatch.setattr(time, "time", lambda: (base / "components").stat().st_mtime + 7200)
    Code(base, base / "kept").digests(ROOTS)
    assert (base / "kept").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"state": 1}', "[]", "\x00"])
def test_a_damaged_file_is_made_anew(base: Path, content: str) -> None:
    made = Code(base, base / "kept").digests(ROOTS)
    (base / "kept").write_text(content)
    assert Code(base, base / "kept").digests(ROOTS) == made


def test_nothing_is_kept_where_python_keeps_no_byte_code(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    Code(base, base / "kept").digests(ROOTS)
    assert not (base / "kept").exists()


def test_a_folder_that_cannot_be_written_does_no_harm(base: Path) -> None:
    (base / "file").write_text("")
    assert Code(base, base / "file" / "kept").digests(ROOTS) == Code(base).digests(ROOTS)
