"""A user's own ``preprocessing_fn``: it gets cleaned sparse inputs, and its errors are reported clearly."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.component

GOOD = """
import tensorflow as tf
import tensorflow_transform as tft

def column(sparse, default):
    shape = [sparse.dense_shape[0], 1]
    return tf.sparse.to_dense(tf.SparseTensor(sparse.indices, sparse.values, shape), default)

def preprocessing_fn(inputs):
    lessons = tf.ensure_shape(column(inputs["lessons"], -1), [None, 1])
    return {
        "lessons": tf.cast(lessons, tf.float32),
        "filled": tf.cast(lessons[:, 0] >= 0, tf.float32),
        "country": tft.compute_and_apply_vocabulary(column(inputs["country"], "")[:, 0], top_k=3, num_oov_buckets=1),
    }
"""


def test_own_function_runs_and_the_label_is_made_beside_it(
    analyse, learners: SimpleNamespace, tmp_path: Path
) -> None:
    import tensorflow as tf

    from components.trainer.transform_graph import TransformGraph

    file = tmp_path / "features.py"
    file.write_text(GOOD)
    graph = TransformGraph(analyse(f"{file}:preprocessing_fn"), "retained")
    described = [(f.name, f.kind, f.size) for f in graph.features]
    assert described == [("country", "id", 4), ("filled", "number", 1), ("lessons", "vector", 1)]
    documents = [{"lessons": 5, "country": "de", "retained": 1}, {"country": "zz", "retained": 0}]
    given = graph.apply(graph.parse(tf.constant([learners.serialize(d) for d in documents]), with_label=True))
    assert given["filled"].numpy().tolist() == [1, 0]
    assert given["retained"].numpy().tolist() == [1, 0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {'x': inputs['lessons']}", "output 'x'; expected a dense tensor; seen: .*SparseTensor"),
        ("return inputs['nothing'].values", "features.py:2, in .*KeyError: 'nothing'"),
        (
            "return None",
            r"features.py:1, .*expected preprocessing_fn\(inputs\) that returns a dict .*; seen: None",
        ),
        ("return {}", "seen: an empty dict"),
        ("return {3: inputs['lessons'].values}", "outputs named by text; seen: 3"),
        (
            "return {'a b': inputs['lessons'].values}",
            "outputs named by ASCII letters.*seen: 'a b'.*rename it",
        ),
        ("return {'é/x': inputs['lessons'].values}", "outputs named by ASCII letters"),
        ("return {'x' * 101: inputs['lessons'].values}", "outputs named by ASCII letters"),
        ("return {'x': inputs['country'].values}", "output 'x'; expected numbers; seen: string"),
        ("return {'retained': inputs['lessons'].values}", "no output named like the label 'retained'"),
        (
            "import tensorflow as tf; return {'x': tf.py_function(lambda x: x, [inputs['lessons'].values], tf.int64)}",
            "expected TensorFlow operations, which a served model can run; seen: tf.py_function",
        ),
        (
            "import tensorflow as tf; return {'x': tf.constant([1.0])}",
            r"output 'x'; expected a value for each row; seen: shape \(1,\)",
        ),
        ("raise SystemExit(2)", r"features.py:2, in .*seen: sys.exit\(2\)"),
    ],
    ids=[
        "sparse",
        "raises",
        "none",
        "empty",
        "number as a name",
        "space in a name",
        "other letters in a name",
        "long name",
        "text",
        "label",
        "python",
        "constant",
        "exits",
    ],
)
def test_a_faulty_function_is_a_user_code_error(analyse, tmp_path: Path, body: str, message: str) -> None:
    from foundation.errors import UserCodeError

    file = tmp_path / "features.py"
    file.write_text(f"def preprocessing_fn(inputs):\n    {body}\n")
    with pytest.raises(UserCodeError, match=message):
        analyse(f"{file}:preprocessing_fn")
