from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.bulk_inferrer.writers import join_shards, open_writer


@pytest.fixture
def outputs():
    return {
        "label": np.array([b"a", b"b"], dtype=object),
        "probabilities": np.array([[0.25, 0.75], [0.5, 0.5]]),
    }


def write(path, kind, batches):
    with open_writer(path, kind) as writer:
        for ids, values in batches:
            writer(ids, values)
    return path


def test_json_lines_hold_id_and_every_output(tmp_path, outputs):
    path = write(tmp_path / "a", "jsonl", [(["1", "2"], outputs)])
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {"_id": "1", "label": "a", "probabilities": [0.25, 0.75]}


def test_json_lines_write_nan_as_null(tmp_path):
    path = write(tmp_path / "a", "jsonl", [(["1"], {"probability": np.array([np.nan], np.float32)})])
    assert json.loads(path.read_text()) == {"_id": "1", "probability": None}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_shards_are_joined_in_order_and_an_empty_one_is_harmless(tmp_path, kind):
    value = {"prediction": np.array([1.5], np.float32)}
    shards = [
        write(tmp_path / "0", kind, []),
        write(tmp_path / "1", kind, [(["a"], value), (["b"], value)]),
        write(tmp_path / "2", kind, [(["c"], value)]),
    ]
    target = tmp_path / "all"
    assert join_shards(shards, target, kind) == 3
    ids = pq.read_table(target)["_id"].to_pylist() if kind == "parquet" else [
        json.loads(line)["_id"] for line in target.read_text().splitlines()
    ]  # fmt: skip
    assert ids == ["a", "b", "c"]
