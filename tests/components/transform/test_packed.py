"""Features computed together are, bit by bit, what each gives on its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The module with rows and graphs, and the graph of every kind."""
    from tests.components.transform import both_ways

    folder = tmp_path_factory.mktemp("graph")
    graph = both_ways.analyse(both_ways.FEATURES, folder, both_ways.training_rows(400))
    return SimpleNamespace(ways=both_ways, graph=graph)


def assert_same(outputs: Mapping[str, Any], old: str) -> None:
    expected = {name.removeprefix(old): tensor for name, tensor in outputs.items() if name.startswith(old)}
    assert expected
    for name, tensor in expected.items():
        one, other = outputs[name].numpy(), tensor.numpy()
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tobytes() == other.tobytes(), (name, one, other)


def test_training_rows_are_the_same(both) -> None:
    batch = both.ways.training_rows(400)
    assert_same(both.ways.transformed(both.graph, both.ways.as_raw(both.graph, batch)), both.ways.OLD)


def test_any_rows_are_the_same(both) -> None:
    @settings(max_examples=60)
    @given(both.ways.rows())
    def holds(batch: list[Any]) -> None:
        assert_same(both.ways.transformed(both.graph, both.ways.as_raw(both.graph, batch)), both.ways.OLD)

    holds()


def test_served_rows_are_the_same_and_need_no_label(both) -> None:
    import tensorflow as tf

    from components.trainer.transform_graph import to_raw

    finish = tf.function(both.graph.finish)

    @settings(max_examples=30)
    @given(both.ways.rows())
    def holds(batch: list[Any]) -> None:
        served = both.ways.as_served(both.graph, batch)
        outputs = both.ways.transformed(both.graph, to_raw(served, both.graph.raw_spec))
        assert both.ways.LABEL not in outputs
        assert_same(outputs, both.ways.OLD)
        entered = both.graph.matrices.unpack(finish(both.graph.begin(served)))
        assert entered.keys() == {name for name in outputs if not name.startswith(both.ways.OLD)}
        assert_same(outputs | entered, both.ways.OLD)

    holds()


def test_matrices_hold_the_columns_by_name(both) -> None:
    layout = both.graph.layout
    packed = both.graph.rows(both.ways.as_raw(both.graph, both.ways.training_rows(5))).matrices
    assert layout.matrices == {"number": "numbers", "id": "ids", "bag": "bags"}
    assert [column.name for column in layout.columns] == sorted(column.name for column in layout.columns)
    assert {name: str(packed[name].dtype.name) for name in layout.matrices.values()} == {
        "numbers": "float32",
        "ids": "int64",
        "bags": "float32",
    }
    for kind, name in layout.matrices.items():
        widths = [column.size if kind == "bag" else 1 for column in layout.of(kind)]
        assert packed[name].shape == (5, sum(widths))


def test_features_are_described_as_by_files_of_their_own(both) -> None:
    from components.trainer.features import read_vocabulary
    from components.transform.config import FeaturesConfig
    from components.transform.steps import steps_of

    kinds = {
        name: step
        for step in steps_of(FeaturesConfig.model_validate(both.ways.FEATURES))
        for name in step.outputs
    }
    assert [feature.name for feature in both.graph.features] == sorted(kinds)
    for feature in both.graph.features:
        words = read_vocabulary(both.graph.output, both.ways.OLD + feature.name)
        assert feature.vocabulary == words, feature.name
        step = kinds[feature.name]
        assert feature.first_word == (1 if step.name == "vocabulary" else 0)
        if step.name == "vocabulary":
            assert feature.size == 1 + len(words) + step.settings.oov_buckets


def test_unknown_words_are_shared_out_over_all_their_ids(both) -> None:
    feature = next(f for f in both.graph.features if f.name == "level_vocabulary")
    row = {name: [] for name in both.ways.VARIABLE} | both.ways.training_rows(1)[0]
    batch = [{**row, "level": [1000 + number]} for number in range(200)]
    ids = both.graph.apply(both.ways.as_raw(both.graph, batch))["level_vocabulary"].numpy()
    assert set(ids) == set(range(feature.first_word + len(feature.vocabulary), feature.size))


def test_a_label_may_have_a_matrix_name(tmp_path) -> None:
    from components.trainer.features import read_vocabulary
    from tests.components.transform import both_ways as ways

    both_ways_label = "ids"
    train = [{**row, both_ways_label: row["device"]} for row in ways.training_rows(60)]
    ways.VARIABLE[both_ways_label] = ways.TEXT
    try:
        features = {"device": {"vocabulary": 5}, "lessons": "zscore"}
        graph = ways.analyse(features, tmp_path, train, label=both_ways_label)
        assert graph.layout.matrices == {"number": "numbers", "id": "ids_of_features"}
        outputs = ways.transformed(graph, ways.as_raw(graph, train))
    finally:
        del ways.VARIABLE[both_ways_label]
    assert_same(outputs, ways.OLD)
    classes = read_vocabulary(graph.output, "label")
    named = [row["device"][0].decode() if row["device"] else "" for row in train]
    found = [classes[number] if number >= 0 else "" for number in outputs["ids"].numpy()]
    assert found == [word if "\n" not in word and "\r" not in word else "" for word in named]


@pytest.mark.parametrize(
    "features",
    [
        {"minutes": "zscore"},
        {"topics": {"bag": 2}},
        {"never": {"vocabulary": 3}},
        {"device": {"hash": 5}, "ratio": "identity"},
        {"plan": {"cross": {"with": ["age"]}}, "notes": {"text": 3}},
    ],
    ids=["one number", "one bag", "one vocabulary without words", "nothing to analyse", "a cross and a text"],
)
def test_few_features_are_the_same(features: dict[str, Any], tmp_path) -> None:
    from tests.components.transform import both_ways as ways

    train = ways.training_rows(50)
    graph = ways.analyse(features, tmp_path, train, task="binary")
    for batch in (train, train[:1], []):
        assert_same(ways.transformed(graph, ways.as_raw(graph, batch)), ways.OLD)


def test_bags_count_a_word_once(both) -> None:
    outputs = both.graph.apply(both.ways.as_raw(both.graph, both.ways.training_rows(50)))
    bags = np.concatenate([outputs[column.name] for column in both.graph.layout.of("bag")], axis=1)
    assert set(np.unique(bags)) == {0.0, 1.0}
