"""Rows kept beside the Transform graph: found by content, thrown away when damaged, bounded, and never a reason to fail."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.component


class Place:
    """A Transform graph and raw rows of its own, and what was loaded rather than read."""

    def __init__(self, graph: Path, examples: Path) -> None:
        self.graph, self.examples, self.loaded = graph, examples, 0

    def split(self, label: str = "retained", task: str = "binary") -> Any:
        from components.trainer.data import load_split
        from components.trainer.kept_rows import kept_split
        from components.trainer.transform_graph import TransformGraph

        def load(*arguments: Any) -> Any:
            self.loaded += 1
            return load_split(*arguments)

        graph = TransformGraph(str(self.graph), label)
        return kept_split("train", [str(self.examples / "*")], graph, task, load)

    @property
    def kept(self) -> list[Path]:
        return sorted((self.graph / "rows").glob("*"))


@pytest.fixture
def place(learners: SimpleNamespace, small_graph: Callable[[str], str], tmp_path: Path) -> Place:
    graph = shutil.copytree(small_graph("binary"), tmp_path / "graph", ignore=shutil.ignore_patterns("rows"))
    return Place(graph, shutil.copytree(learners.root / "examples" / "Split-train", tmp_path / "examples"))


def assert_same(one: Any, other: Any) -> None:
    assert one.features.keys() == other.features.keys()
    for name, column in one.features.items():
        np.testing.assert_array_equal(column, other.features[name])
        assert column.dtype == other.features[name].dtype
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.without_label == other.without_label


def test_rows_are_made_once_wherever_the_artifact_lies(place: Place, tmp_path: Path) -> None:
    first, second = place.split(), place.split()
    assert place.loaded == 1
    assert_same(first, second)
    place.graph = place.graph.rename(tmp_path / "elsewhere")
    assert_same(place.split(), first)
    assert place.loaded == 1


def test_other_rows_or_another_graph_are_other_content(place: Place, learners: SimpleNamespace) -> None:
    rows = place.split().rows
    os.utime(place.graph / "transform_fn" / "saved_model.pb", (1, 1))
    place.split()
    assert place.loaded == 1
    whole, place.examples = place.examples, learners.root / "examples" / "Split-validation"
    assert place.split().rows != rows
    assert place.loaded == 2
    place.examples = whole
    (place.graph / "transform_fn" / "assets" / "another").write_text("x")
    assert place.split().rows == rows
    assert place.loaded == 3
    layout = place.graph / "layout.json"
    layout.write_text(layout.read_text() + "\n")
    assert place.split().rows == rows
    assert place.loaded == 4


@pytest.mark.parametrize("damage", ["cut short", "altered", "of another content", "empty"])
def test_a_damaged_file_is_thrown_away_and_made_anew(
    place: Place, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = place.split()
    (file,) = place.kept
    content = file.read_bytes()
    middle = len(content) // 2
    if damage == "of another content":
        with np.load(file) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
        with file.open("wb") as out:
            np.savez(out, **{**columns, "key:": np.array("f" * 64)})
    else:
        altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        file.write_bytes({"cut short": content[:-300], "altered": altered, "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert_same(place.split(), whole)
    assert "thrown away" in caplog.text
    assert place.loaded == 2
    assert_same(place.split(), whole)
    assert place.loaded == 2


def test_whatever_bit_is_altered_the_rows_are_as_they_were_or_made_anew(tmp_path: Path) -> None:
    from components.trainer.data import TransformedSplit
    from components.trainer.kept_rows import _keep, _read

    split = TransformedSplit({"x": np.arange(3, dtype=np.float32)}, np.zeros(3, np.float32), 0)
    file = tmp_path / "rows.npz"
    _keep(split, file, "key")
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        altered = bytearray(content)
        altered[bit // 8] ^= 1 << bit % 8
        file.write_bytes(altered)
        found = _read(file, "key")
        if found is not None:
            assert_same(found, split)


def test_a_disk_that_cannot_be_written_costs_nothing_but_time(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (place.graph / "rows").write_text("a file where the folder should be")
    assert place.split().rows > 0
    assert "rows are not kept" in caplog.text


def test_only_the_newest_files_are_kept(place: Place) -> None:
    from components.trainer.kept_rows import MOST_FILES

    (place.graph / "rows").mkdir()
    for number in range(MOST_FILES + 3):
        file = place.graph / "rows" / f"{number}.npz"
        file.write_bytes(b"old")
        os.utime(file, (number, number))
    place.split()
    assert len(place.kept) == MOST_FILES
    assert place.split().rows > 0
    assert place.loaded == 1
