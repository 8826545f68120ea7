"""Entering Transform's graph behind its join gives what the front door gives, and one more field costs an input alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.component


def made(copies: int, around: bool = False) -> SimpleNamespace:
    """Returns an entry into a graph that passes on first values and hashes of text, and the function of that graph.

    Args:
        copies: Number of numbers and of texts.
        around: Whether the output depends on a field by another way too.
    """
    import tensorflow as tf

    from components.trainer.entry import Entry
    from components.transform.joined import Joined

    fields = {
        tf.float32: [f"n{at}" for at in range(copies)],
        tf.string: [f"t{at}" for at in range(copies)],
    }
    specs = {n: tf.SparseTensorSpec([None, None], dtype) for dtype, names in fields.items() for n in names}

    @tf.function(autograph=False)
    def transform(raw: dict[str, Any]) -> dict[str, Any]:
        numbers, texts = (Joined({name: raw[name] for name in names}) for names in fields.values())
        first = tf.where(numbers.given, numbers.first, 0.0)
        if around:
            first += tf.reduce_sum(raw["n0"].values)
        with tf.control_dependencies(
            [tf.identity(raw["n0"].values)]
        ):  # as look-ups have on that of the label
            ids = tf.strings.to_hash_bucket_fast(texts.first, 100)
        return {"numbers": first + scale, "ids": tf.where(texts.given, 1 + ids, 0)}

    scale = tf.Variable(2.0)
    concrete = transform.get_concrete_function(specs)
    outputs = tf.nest.pack_sequence_as(concrete.structured_outputs, concrete.graph.outputs)
    entry = Entry(concrete.graph, fields, outputs)
    names = [name for several in fields.values() for name in several]
    return SimpleNamespace(entry=entry, transform=transform, names=names, scale=scale)


def given(names: list[str], dense: bool) -> dict[str, Any]:
    """Returns a number or a text for most of eight rows, and several texts for some."""
    import tensorflow as tf

    drawn = np.random.default_rng(1)
    raw: dict[str, Any] = {}
    for name in names:
        if name.startswith("n"):
            values = drawn.normal(size=8).astype(np.float32)
            values[drawn.random(8) < 0.3] = np.nan
        else:
            shape = (8, 3) if name == "t1" else (8,)
            values = np.array(drawn.choice(["", "a", "b", "c"], shape), object)
        raw[name] = tf.constant(values)
        if not dense:
            missing = np.nan if name.startswith("n") else ""
            there = ~np.isnan(values) if name.startswith("n") else values != missing
            table = values.reshape(8, -1)
            places = np.argwhere(there.reshape(8, -1))
            raw[name] = tf.SparseTensor(places, table[tuple(places.T)], table.shape)
    return raw


def entered(entry: Any) -> Any:
    """Returns the function of raw tensors that enters the graph."""
    import tensorflow as tf

    return tf.function(lambda raw: entry.matrices(entry.join(raw)), autograph=False)


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "sparse"])
def test_what_is_entered_behind_the_join_is_what_the_front_door_gives(dense: bool) -> None:
    one = made(3)
    assert one.entry.exists
    one.scale.assign(5.0)
    wanted = one.transform(given(one.names, dense=False))
    answers = entered(one.entry)(given(one.names, dense))
    for name, matrix in wanted.items():
        np.testing.assert_array_equal(answers[name], matrix)
        assert answers[name].shape == matrix.shape


def test_one_more_field_costs_an_input_alone() -> None:
    import tensorflow as tf

    counts = []
    for copies in (2, 50):
        one = made(copies)
        specs = {
            name: tf.TensorSpec([None], tf.float32 if name.startswith("n") else tf.string)
            for name in one.names
        }
        operations = entered(one.entry).get_concrete_function(specs).graph.get_operations()
        counts.append(len(operations) - len(one.names))
    assert counts[0] == counts[1]


def test_a_way_around_the_join_is_refused() -> None:
    one = made(2, around=True)
    with pytest.raises(RuntimeError, match="by another way than the join"):
        entered(one.entry)(given(one.names, dense=True))


def test_a_graph_without_the_join_has_no_such_place() -> None:
    import tensorflow as tf

    from components.trainer.entry import Entry

    concrete = tf.function(lambda x: {"numbers": x}).get_concrete_function(tf.TensorSpec([None, 1]))
    assert not Entry(concrete.graph, {tf.float32: ["x"]}, {"numbers": concrete.graph.outputs[0]}).exists
