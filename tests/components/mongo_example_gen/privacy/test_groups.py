"""k-anonymity counted on disk: the same numbers as a plain count in memory, whatever the size of the parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.privacy import groups
from components.mongo_example_gen.privacy.groups import anonymity, group_digests


def _rows(columns: dict[str, list[list[object] | None]], kind: pa.DataType) -> Rows:
    arrays = {name: pa.array(values, pa.list_(kind)) for name, values in columns.items()}
    ids = [str(n) for n in range(len(next(iter(columns.values()))))]
    return Rows(ids, ids, arrays)


def test_equal_rows_and_no_others_share_a_digest() -> None:
    rows = _rows({"a": [[1], [1], [2], None, [], [1, 2], [2, 1], [1, 2]], "b": [[5]] * 8}, pa.int64())
    digests = group_digests(rows, ["a", "b"]).tolist()
    assert digests[0] == digests[1] and digests[3] == digests[4] and digests[5] == digests[7]
    assert len(set(digests)) == 5


def test_columns_are_told_apart_and_missing_ones_are_missing() -> None:
    rows = _rows({"a": [[1], [2]], "b": [[2], [1]]}, pa.int64())
    assert len(set(group_digests(rows, ["a", "b"]).tolist())) == 2
    assert len(set(group_digests(rows, ["nowhere"]).tolist())) == 1


@pytest.mark.parametrize("part_bytes", [2**20, 256])
def test_sizes_of_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_bytes: int) -> None:
    monkeypatch.setattr(groups, "PARTITION_BYTES", part_bytes)
    values = np.random.default_rng(1).zipf(1.6, 2000).astype("<u8")
    values[:1500].tofile(tmp_path / "one")
    values[1500:].tofile(tmp_path / "two")
    found = anonymity([tmp_path / "one", tmp_path / "two"], tmp_path, 5)
    sizes = Counter(values.tolist()).values()
    below = sum(size for size in sizes if size < 5)
    assert found == {
        "rows": 2000,
        "groups": len(sizes),
        "smallest": min(sizes),
        "rows_below_k": below,
        "share": below / 2000,
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_nothing_has_no_groups(tmp_path: Path) -> None:
    assert anonymity([], tmp_path, 5)["smallest"] == 0
