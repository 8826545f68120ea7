"""Folders of diverted documents beside and above an export are found and reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.exports.diverted import find_diverted
from components.mongo_example_gen.notices import notices
from components.mongo_example_gen.result import Ingestion


def put(path: Path) -> Path:
    """Writes a file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{}")
    return path


@pytest.mark.parametrize(
    ("place", "noticed"),
    [
        ("atlas-data-lake-5f3a/out-error-docs/1.json", True),
        ("exports/atlas-data-lake-5f3a/out-error-docs/1.json", True),
        ("exports/users/out-error-docs/1.json", True),
        ("exports/users/rejected/part-0.json", True),
        ("exports/bad_records/x", True),
        ("rejected/x", False),
        ("exports/users/atlas-data-lake-5f3a/other/1.json", False),
        ("exports/users/more/1.json", False),
    ],
)
def test_folders_of_diverted_documents_are_noticed(tmp_path: Path, place: str, noticed: bool) -> None:
    export = put(tmp_path / "exports" / "users" / "users.1.json")
    folder = put(tmp_path / place).parent
    expected = [{"path": str(folder), "files": 1}] if noticed else []
    assert find_diverted([export]) == {"folders": expected, "not_looked_at": []}


def test_an_empty_folder_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "out-error-docs").mkdir()
    assert not find_diverted([put(tmp_path / "e.json")])["folders"]


def test_folders_are_reported(tmp_path: Path) -> None:
    put(tmp_path / "out-error-docs" / "1.json")
    found = find_diverted([put(tmp_path / "e.json")])
    (said,) = notices(Ingestion.from_json({"diverted": found}))
    assert said.endswith(
        "out-error-docs holds documents that the exporting tool set aside (1 file): they are not in the data"
    )
    (said,) = notices(Ingestion.from_json({"input": {"empty_files": ["a.json"]}}))
    assert said == "no documents in a.json: the file is empty"
