"""An export that is broken on purpose has one bad document more in whatever format it has, or is refused as a whole."""

from __future__ import annotations

import bz2
import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.exports.formats import FORMATS
from foundation.errors import DataError
from pipeline.proving import damage
from pipeline.proving.damage import damaged
from tests.components.exports.damage import MAKERS, make_documents, read_file

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}
IN_PARTS = [name for name in MAKERS if name != "archive"]


def written(folder: Path, maker: str, documents: int, pack: str = "plain") -> Path:
    file = folder / "00000-export"
    export = MAKERS[maker](make_documents(random.Random(7), documents))
    file.write_bytes(PACKERS[pack](export.data))
    return file


@pytest.mark.parametrize("documents", [1, 3, 60])
@pytest.mark.parametrize("maker", IN_PARTS)
def test_one_document_more_cannot_be_read(maker: str, documents: int, tmp_path: Path) -> None:
    file = written(tmp_path, maker, documents)
    whole, before = file.read_bytes(), read_file(file)
    with damaged(tmp_path, "auto") as has_bad_document:
        assert has_bad_document
        found = read_file(file)
    assert [view for *_, view in found.accepted] == [view for *_, view in before.accepted]
    assert (len(before.accepted), len(before.bad), len(found.bad)) == (documents, 0, 1)
    assert file.read_bytes() == whole


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("maker", ["lines", "array-one-line", "csv", "bson"])
def test_a_compressed_file_stays_compressed(maker: str, pack: str, tmp_path: Path) -> None:
    file = written(tmp_path, maker, 20, pack)
    before = file.read_bytes()
    with damaged(tmp_path, "auto"):
        assert file.read_bytes()[:3] == before[:3] or pack == "plain"
        assert len(read_file(file).bad) == 1


@pytest.mark.parametrize("end", ["", "\n", "\n\n", " "], ids=["none", "line", "blank line", "space"])
def test_the_last_line_is_not_the_one_that_is_broken(end: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"_id": 1}\n{"_id": 2}' + end)
    with damaged(tmp_path, "auto"):
        found = read_file(tmp_path / "a")
    assert [view["_id"] for *_, view in found.accepted] == [1, 2]
    assert len(found.bad) == 1


def test_files_without_content_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "00000-empty").touch()
    (tmp_path / "00001-export").write_text('{"_id": 1}\n')
    with damaged(tmp_path, "auto"):
        assert (tmp_path / "00000-empty").read_bytes() == b""
        assert len(read_file(tmp_path / "00001-export").bad) == 1


@pytest.mark.parametrize("pack", ["plain", "gz"])
def test_an_archive_is_refused_as_a_whole(pack: str, tmp_path: Path) -> None:
    file = written(tmp_path, "archive", 20, pack)
    with damaged(tmp_path, "auto") as has_bad_document, pytest.raises(DataError, match="archive"):
        read_file(file)
    assert not has_bad_document
    assert len(read_file(file).accepted) == 20


def test_parquet_is_refused_as_a_whole(tmp_path: Path) -> None:
    pq.write_table(pa.table({"_id": list(range(20))}), tmp_path / "a")
    with damaged(tmp_path, "auto") as has_bad_document, pytest.raises(DataError, match="whole Parquet"):
        read_file(tmp_path / "a")
    assert not has_bad_document


def test_each_format_is_one_or_the_other() -> None:
    assert set(FORMATS) - set(damage._WITH_A_BAD_ONE) == {"parquet", "archive"}
