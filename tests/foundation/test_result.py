"""Result files: what is written is read, whichever version wrote it, and anything else is a clear error."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from foundation.errors import DataError, StorageError
from foundation.result import Part, Result


@dataclass(frozen=True)
class Row(Part):
    """A row."""

    name: str
    """What it is called."""
    read_from: Annotated[str, Field(alias="from", exclude_if=lambda text: not text)] = ""
    """Where it is from."""


@dataclass(frozen=True)
class TestBook(Result):
    """A book of rows."""

    __test__ = False
    FILE: ClassVar[str] = "book.json"
    FORMAT: ClassVar[int] = 2

    rows: tuple[Row, ...]
    """The rows."""
    value: float | None = None

    @classmethod
    def upgrade(cls, content: Any, version: int) -> Any:
        return {"rows": [{"name": name} for name in content["names"]]} if version == 0 else content


def put(folder: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / TestBook.FILE).write_text(text, encoding="utf-8")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    book = TestBook((Row("a"), Row("ä", "there")), 0.5)
    book.write(tmp_path)
    assert TestBook.read(tmp_path) == book
    assert json.loads((tmp_path / "book.json").read_text()) == {
        "format": 2, "rows": [{"name": "a"}, {"name": "ä", "from": "there"}], "value": 0.5,
    }  # fmt: skip


def test_a_file_without_a_format_is_of_format_0_and_upgraded(tmp_path: Path) -> None:
    put(tmp_path, {"names": ["a", "b"]})
    assert TestBook.read(tmp_path).rows == (Row("a"), Row("b"))


def test_keys_that_a_newer_version_added_are_ignored(tmp_path: Path) -> None:
    put(tmp_path, {"format": 2, "rows": [{"name": "a", "new": 1}], "newer": True})
    assert TestBook.read(tmp_path).rows == (Row("a"),)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"format": 3}, "test book .*format 2 or older; seen: format 3; remedy: "),
        ({"format": "two"}, "JSON as Penstock writes it"),
        ("{", "JSON as Penstock writes it"),
        ("[]", "JSON as Penstock writes it"),
        ({"format": 2, "rows": [{"name": 5}]}, r"seen: rows\.0\.name: .* string; remedy: run the node again"),
    ],
    ids=["newer", "no format", "half a file", "a list", "another type"],
)
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: Any, expected: str) -> None:
    put(tmp_path, content)
    with pytest.raises(DataError, match=expected):
        TestBook.find(tmp_path)


def test_an_error_never_shows_a_value(tmp_path: Path) -> None:
    put(tmp_path, {"format": 2, "rows": [{"name": ["Ada"]}]})
    with pytest.raises(DataError) as caught:
        TestBook.read(tmp_path)
    assert "Ada" not in str(caught.value)


def test_a_missing_file_is_none_or_an_error(tmp_path: Path) -> None:
    assert TestBook.find(tmp_path) is None
    with pytest.raises(DataError, match=r"book\.json; expected the JSON file of its node"):
        TestBook.read(tmp_path)


def test_a_folder_in_place_of_the_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / TestBook.FILE).mkdir()
    with pytest.raises(StorageError):
        TestBook.find(tmp_path)


def test_the_schema_has_format_names_and_descriptions() -> None:
    schema = TestBook.json_schema()
    assert schema["properties"]["format"]["const"] == 2
    assert schema["properties"]["rows"]["description"] == "The rows."
    row = schema["$defs"]["Row"]
    assert (row["description"], row["properties"]["from"]["description"]) == ("A row.", "Where it is from.")


def test_importing_results_loads_nothing_heavy() -> None:
    code = "import sys, pipeline.runs.results, pipeline.runs.finish, pipeline.report;"
    code += "print({'tensorflow', 'tfx', 'apache_beam', 'numpy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
