"""Requests made from examples, and comparison of answers; no server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.component


@pytest.fixture(scope="module", autouse=True)
def _tensorflow() -> None:
    """Imports TensorFlow when the first test runs, not when pytest collects."""
    global np, tf, Questions, difference, read_signatures, warmup_records
    import numpy as np
    import tensorflow as tf

    from components.infra_validator.answers import difference
    from components.infra_validator.examples import Questions
    from components.infra_validator.warmup import warmup_records
    from serving.client.signatures import read_signatures


def example(**values: Any) -> bytes:
    made = tf.train.Example()
    for name, value in values.items():
        listed = value if isinstance(value, list) else [value]
        feature = made.features.feature[name]
        kind = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}
        kind[type(listed[0])].value.extend(listed)
    return made.SerializeToString()


def signature(**inputs: tuple[str, int]) -> Any:
    from serving.client import DType, Signature, TensorInfo

    infos = {
        name: TensorInfo(name, DType[dtype.removeprefix("DT_")], (-1,) * rank)
        for name, (dtype, rank) in inputs.items()
    }
    return Signature("made", "", infos, {})


def test_missing_values_become_the_sentinels() -> None:
    rows = [example(_id=b"1", age=3.5, topics=[b"a", b"b"], n=4), example(_id=b"2")]
    inputs = {"age": ("DT_FLOAT", 1), "topics": ("DT_STRING", 2), "n": ("DT_INT64", 1)}
    batch = Questions(rows, {"serving_default": signature(**inputs)}).batch("serving_default", 2)
    assert batch.inputs["age"].tolist()[0] == 3.5
    assert np.isnan(batch.inputs["age"][1])
    assert batch.inputs["topics"].tolist() == [[b"a", b"b"], [b"", b""]]
    assert batch.inputs["n"].tolist() == [4, -(2**63)]


def test_examples_keep_only_features_the_model_reads() -> None:
    rows = [example(_id=b"1", age=3.5, label=1, other=b"x")]
    signatures = {
        "serving_default": signature(age=("DT_FLOAT", 1)),
        "serving_examples": signature(examples=("DT_STRING", 1)),
    }
    (sent,) = Questions(rows, signatures).batch("serving_examples", 1).inputs["examples"]
    assert set(tf.train.Example.FromString(sent).features.feature) == {"age"}
    del signatures["serving_default"]
    (sent,) = Questions(rows, signatures).batch("serving_examples", 1).inputs["examples"]
    assert set(tf.train.Example.FromString(sent).features.feature) == {"age", "label", "other"}


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"age": ("DT_DOUBLE", 1)}, "DT_DOUBLE"),
        ({"age": ("DT_FLOAT", 3)}, "rank 3"),
        ({"topics": ("DT_STRING", 1)}, "one value per row"),
        ({"age": ("DT_INT64", 1)}, "not int64"),
    ],
)
def test_a_signature_that_does_not_fit_the_examples_is_named(inputs: dict[str, Any], why: str) -> None:
    signatures = {"serving_default": signature(**inputs)}
    questions = Questions([example(age=3.5, topics=[b"a", b"b"])], signatures)
    assert questions.signatures == []
    assert why in questions.skipped["serving_default"]
    assert list(warmup_records(questions, signatures, 4, [1])) == []


def test_batches_wrap_around_and_cover_every_example() -> None:
    questions = Questions([example(n=i) for i in range(5)], {"serving_default": signature(n=("DT_INT64", 1))})
    asked = [b.inputs["n"].tolist() for b in questions.every("serving_default", 2)]
    assert asked == [[0, 1], [2, 3], [4, 0]]
    assert questions.batch("serving_default", 7).inputs["n"].tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_the_same_examples_give_the_same_records(served_models: SimpleNamespace) -> None:
    signatures = read_signatures(served_models.good / "Format-Serving")
    rows = [example(lessons=i, topics=[b"x"] * (i % 3 + 1)) for i in range(9)]
    once, again = (list(warmup_records(Questions(rows, signatures), signatures, 9, [1, 4])) for _ in range(2))
    assert once == again
    assert len(once) == 9


def test_answers_may_differ_only_by_rounding() -> None:
    one = {"p": np.array([0.1, np.nan], np.float32), "t": np.array([b"a", b"b"], object)}
    close = {"p": np.array([0.1 + 1e-8, np.nan]), "t": np.array([b"a", b"b"], object)}
    assert difference(one, close) < 1e-6
    assert difference(one, {**close, "p": np.array([0.2, np.nan])}) == pytest.approx(0.5, rel=0.01)
    assert difference(one, {**close, "p": np.array([0.1, 0.0])}) == float("inf")
    assert difference(one, {**close, "t": np.array([b"a", b"c"], object)}) == float("inf")
    assert difference(one, {"p": one["p"]}) == float("inf")
    assert difference(one, {**close, "p": np.array([0.1])}) == float("inf")
