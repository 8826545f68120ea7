from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.bulk_inferrer.rows import Ids
from components.bulk_inferrer.writers import join_shards, open_writer

PREDICTION = {"prediction": np.array([1.5], np.float32)}


@pytest.fixture
def outputs():
    return {
        "label": np.array([b"a", b"b"], dtype=object),
        "probabilities": np.array([[0.25, 0.75], [0.5, 0.5]]),
    }


def ids(*given, typed=False):
    """Returns ids of (Extended JSON, type)."""
    return Ids([text for text, _ in given], [kind for _, kind in given], typed)


def write(path, kind, batches):
    with open_writer(path, kind) as writer:
        for keys, values in batches:
            writer(keys, values)
    return path


def joined(folder, kind, *given, typed=False):
    """Returns the predictions of documents with these ids, written as two shards."""
    shards = [
        write(folder / "0", kind, [(ids(one, typed=typed), PREDICTION) for one in given[:1]]),
        write(folder / "1", kind, [(ids(one, typed=typed), PREDICTION) for one in given[1:]]),
    ]
    types = Counter(name for _, name in given)
    assert join_shards(shards, folder / "all", kind, types, typed) == len(given)
    if kind == "parquet":
        return pq.read_table(folder / "all")
    return [json.loads(line) for line in (folder / "all").read_text().splitlines()]


def test_json_lines_hold_id_and_every_output(tmp_path, outputs):
    path = write(tmp_path / "a", "jsonl", [(ids(('"1"', "string"), ("1", "int")), outputs)])
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {"_id": "1", "label": "a", "probabilities": [0.25, 0.75]}
    assert second["_id"] == 1


def test_json_lines_write_nan_as_null(tmp_path):
    values = {"probability": np.array([np.nan], np.float32)}
    path = write(tmp_path / "a", "jsonl", [(ids(('"1"', "string")), values)])
    assert json.loads(path.read_text()) == {"_id": "1", "probability": None}


def test_a_document_without_an_id_has_none_in_json_lines_and_null_is_one(tmp_path):
    rows = joined(tmp_path, "jsonl", ("", "missing"), ("null", "null"))
    assert rows == [{"prediction": 1.5}, {"_id": None, "prediction": 1.5}]


@pytest.mark.parametrize(
    ("given", "kind", "values"),
    [
        ([('"5"', "string"), ('"a"', "string")], "string", ["5", "a"]),
        ([("5", "int"), ('{"$numberLong":"6"}', "long")], "int64", [5, 6]),
        ([("5.0", "double"), ('{"$numberDouble":"Infinity"}', "double")], "double", [5.0, float("inf")]),
        ([('{"$oid":"6579c8a0f0f0f0f0f0f0f0f0"}', "objectId")], "string", ["6579c8a0f0f0f0f0f0f0f0f0"]),
        ([("true", "bool"), ("", "missing")], "bool", [True, None]),
        ([('{"$binary":{"base64":"AA==","subType":"00"}}', "binary 0")], "binary", [b"\0"]),
    ],
    ids=["texts", "whole numbers", "doubles", "ObjectIds", "bools and a missing one", "binary"],
)
def test_ids_of_one_type_have_it_in_parquet(tmp_path, given, kind, values):
    table = joined(tmp_path, "parquet", *given)
    assert table.column_names == ["_id", "prediction"]
    assert str(table.schema.field("_id").type) == kind
    assert table["_id"].to_pylist() == values


def test_dates_are_timestamps_in_parquet(tmp_path):
    given = [('{"$date":"1970-01-01T00:00:01.000Z"}', "date"), ('{"$date":{"$numberLong":"-9"}}', "date")]
    column = joined(tmp_path, "parquet", *given)["_id"]
    assert str(column.type) == "timestamp[ms, tz=UTC]"
    assert column.cast("int64").to_pylist() == [1000, -9]


@pytest.mark.parametrize(
    "given",
    [
        [("5", "int"), ('"5"', "string")],
        [('{"$numberDecimal":"5"}', "decimal"), ("", "missing")],
        [("null", "null"), ("", "missing")],
    ],
    ids=["several types", "a type that Parquet does not have", "null and missing"],
)
def test_other_ids_are_extended_json_in_parquet_with_their_type(tmp_path, given):
    table = joined(tmp_path, "parquet", *given)
    assert table["_id"].to_pylist() == [text or None for text, _ in given]
    assert table["_id_type"].to_pylist() == [kind for _, kind in given]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_hashed_ids_keep_their_type_beside_them(tmp_path, kind):
    found = joined(tmp_path, kind, ('"ab"', "int"), ('"ab"', "string"), typed=True)
    rows = found if kind == "jsonl" else found.to_pylist()
    assert [(row["_id"], row["_id_type"]) for row in rows] == [("ab", "int"), ("ab", "string")]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_shards_are_joined_in_order_and_an_empty_one_is_harmless(tmp_path, kind):
    a, b, c = (ids((f'"{name}"', "string")) for name in "abc")
    shards = [
        write(tmp_path / "0", kind, []),
        write(tmp_path / "1", kind, [(a, PREDICTION), (b, PREDICTION)]),
        write(tmp_path / "2", kind, [(c, PREDICTION)]),
    ]
    target = tmp_path / "all"
    assert join_shards(shards, target, kind, {"string": 3}) == 3
    found = pq.read_table(target)["_id"].to_pylist() if kind == "parquet" else [
        json.loads(line)["_id"] for line in target.read_text().splitlines()
    ]  # fmt: skip
    assert found == ["a", "b", "c"]


def test_no_documents_have_the_columns_of_the_model_in_parquet(tmp_path, outputs):
    nothing = {name: array[:0] for name, array in outputs.items()}
    shard = write(tmp_path / "0", "parquet", [(Ids([], []), nothing)])
    assert join_shards([shard], tmp_path / "all", "parquet", {}) == 0
    assert pq.read_table(tmp_path / "all").column_names == ["_id", "_id_type", "label", "probabilities"]
