"""A ``preprocessing_fn`` is traced once for all questions about it, and the answers are TFT's."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.component


class Counted:
    """A user's function that counts how often it is traced."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, inputs: Any) -> Any:
        import tensorflow as tf
        import tensorflow_transform as tft

        self.calls += 1
        return {"a": tft.scale_to_z_score(tf.cast(inputs["a"], tf.float32)), "b": inputs["b"] + 1}


def asked(fn: Any, specs: Any) -> list[Any]:
    """Returns the answers to the questions that TFX asks."""
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam

    key = tft_beam.analyzer_cache.DatasetKey("all rows")
    return [
        sorted(tft.get_analyze_input_columns(fn, specs)),
        sorted(tft.get_analyze_input_columns(fn, dict(specs))),
        sorted(tft.get_transform_input_columns(fn, specs)),
        len(tft_beam.analysis_graph_builder.get_analysis_cache_entry_keys(fn, specs, [key], False)),
    ]


def test_all_questions_are_one_trace() -> None:
    import tensorflow as tf

    from components.transform.questions import traced_once

    specs = {name: tf.TensorSpec([None], tf.int64) for name in "abc"}
    fn = Counted()
    plain = asked(fn, specs)
    assert plain == [["a"], ["a"], ["a", "b"], 1]
    each, fn.calls = fn.calls, 0
    with traced_once():
        assert asked(fn, specs) == plain
        assert (each, fn.calls) == (4, 1)
        assert asked(fn, specs) == plain, "the last question has altered the graph"
        assert fn.calls == 2
        assert asked(fn, {name: specs[name] for name in "ab"}) == plain
        other = Counted()
        assert asked(other, specs) == plain
        assert (fn.calls, other.calls) == (3, 1)
    asked(fn, specs)
    assert fn.calls == 7


def test_a_document_needs_the_fields_it_names_and_no_other() -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    from components.transform.preprocessing import preprocessing_fn

    features = {"n": "zscore", "word": {"cross": {"with": ["other"]}}}
    config = {"features": features, "label": "y", "task": "regression", "positive": None}
    types = {"n": tf.float32, "word": tf.string, "other": tf.int64, "y": tf.float32, "idle": tf.string}
    specs = {name: tf.SparseTensorSpec([None, None], dtype) for name, dtype in types.items()}

    def fn(inputs: Any) -> Any:
        return preprocessing_fn(inputs, config)

    assert sorted(tft.get_transform_input_columns(fn, specs)) == ["n", "other", "word", "y"]
    assert {"n"} <= set(tft.get_analyze_input_columns(fn, specs)) <= {"n", "other", "word"}
