"""The executor: the layout beside the graph, also where nothing is analysed, and none for a person's own function."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.component

OWN = """
import tensorflow as tf

def preprocessing_fn(inputs):
    with open(COUNTER, "a") as file:
        file.write("x")
    return {"rows": tf.ones([inputs["lessons"].dense_shape[0]])}
"""


def test_nothing_to_analyse_has_a_layout_too(analyse, learners: SimpleNamespace) -> None:
    import tensorflow as tf

    from components.trainer.transform_graph import TransformGraph

    graph = TransformGraph(analyse({"device": {"hash": 8}, "lessons": "missing"}), "retained")
    assert [(f.name, f.kind, f.size) for f in graph.features] == [
        ("device_hash", "id", 9),
        ("lessons_missing", "number", 1),
    ]
    assert graph.used() == ["device", "lessons"]
    rows = [learners.serialize({"device": "ios"}), learners.serialize({"lessons": 3})]
    given = graph.apply(graph.parse(tf.constant(rows), with_label=False))
    assert set(given) == {"device_hash", "lessons_missing"}
    assert given["lessons_missing"].numpy().tolist() == [1, 0]


def test_own_function_has_no_layout_and_is_asked_once(analyse, tmp_path: Path) -> None:
    from components.trainer.transform_graph import TransformGraph

    counter, file = tmp_path / "traces", tmp_path / "features.py"
    file.write_text(OWN.replace("COUNTER", repr(str(counter))))
    graph = TransformGraph(analyse(f"{file}:preprocessing_fn"), "retained")
    assert graph.layout is None
    assert [(f.name, f.kind) for f in graph.features] == [("rows", "number")]
    # One for all questions, one that is written, one for the metadata: nothing is analysed.
    assert len(counter.read_text()) == 3


def test_words_of_all_columns_stand_in_one_file(analyse) -> None:
    from components.trainer.transform_graph import TransformGraph

    features = {
        "country": {"vocabulary": 2},
        "topics": {"bag": 3},
        "never": {"vocabulary": 5},
        "level": {"bag": 2},
    }
    graph = TransformGraph(analyse(features, label="language", task="multiclass"), "language")
    assets = Path(graph.path, "transform_fn", "assets")
    assert sorted(path.name for path in assets.iterdir()) == ["label", "vocabularies"]
    lines = (assets / "vocabularies").read_bytes().split(b"\n")
    assert lines[:3] == [b"0\x1f", b"0\x1fde", b"0\x1ffr"]
    assert [line for line in lines if line.endswith(b"\x1f")] == [b"%d\x1f" % number for number in range(5)]
    words = {feature.name: feature.vocabulary for feature in graph.features}
    assert words["country_vocabulary"] == ("de", "fr")
    assert words["never_vocabulary"] == ("\x1fno words",)
    assert len(words["topics_bag"]) == 3
    assert sorted((assets / "label").read_text().split()) == ["de", "es", "it"]


def test_a_number_that_no_row_has_is_missing_everywhere(analyse, learners: SimpleNamespace) -> None:
    import tensorflow as tf

    from components.trainer.transform_graph import TransformGraph

    kinds = [{"buckets": 4}, "zscore", "log_zscore", "count", "scale_0_1", "identity", "missing"]
    graph = TransformGraph(analyse({"minutes": {"buckets": 4}, "unknown": kinds}), "retained")
    rows = [learners.serialize({"minutes": 30.0}), learners.serialize({"unknown": 2.5})]
    given = {
        name: tensor.numpy()
        for name, tensor in graph.apply(graph.parse(tf.constant(rows), with_label=True)).items()
    }
    assert given["minutes_buckets"][0] in (1, 2, 3, 4)
    assert given["unknown_buckets"].tolist() == [0, 4]  # all boundaries are 0
    assert given["unknown_identity"].tolist() == [0, 2.5]
    assert given["unknown_missing"].tolist() == [1, 0]
    assert given["unknown_count"].tolist() == [0, 1]
    for kind in ("zscore", "log_zscore", "scale_0_1"):
        assert given[f"unknown_{kind}"].tolist() == [0, 0], kind


def test_rows_are_batched_by_their_size_and_not_by_time() -> None:
    from tfx_bsl.coders.batch_util import GetBatchElementsKwargs

    from components.transform.executor import batched_by_size

    before = GetBatchElementsKwargs(None)
    with batched_by_size():
        during = GetBatchElementsKwargs(None)
    assert "target_batch_duration_secs" not in during
    assert during["min_batch_size"] == during["max_batch_size"] == 20 * 2**20
    assert GetBatchElementsKwargs(None) == before
