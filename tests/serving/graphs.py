"""Small SavedModels as TF1 graphs: each builder writes one version directory. TensorFlow is imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*INTEGERS, "float32", "float64", "bool", "string")
ODD_DTYPES = ("float16", "bfloat16", "complex64", "complex128")
QUANTIZED = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}


def signature(
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    method: str = PREDICT,
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """A SignatureDef over tensors of the current graph."""
    import tensorflow as tf

    info = tf.compat.v1.saved_model.build_tensor_info
    definition = tf.compat.v1.saved_model.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        method,
    )
    for name, value in (defaults or {}).items():
        definition.defaults[name].CopyFrom(tf.make_tensor_proto(value))
    return definition


def write(
    path: Path,
    build: Callable[[], Mapping[str, Any]],
    *,
    tags: Sequence[str] = ("serve",),
    main_op: Callable[[], Any] | None = None,
) -> Path:
    """Writes one MetaGraph, with the signatures that ``build`` makes in a fresh graph, to ``path``."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = build()
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session, list(tags), signature_def_map=dict(signatures), main_op=main_op() if main_op else None
        )
        builder.save()
    return path


def placeholder(dtype: str, shape: Sequence[int | None] | None = (None,), name: str | None = None) -> Any:
    """A tensor to feed; shape None leaves the rank open."""
    import tensorflow as tf

    return tf.compat.v1.placeholder(dtype, shape, name)


def sleep(milliseconds: Any, result: Any) -> Any:
    """``result`` after a pause that uses no CPU and ends early if the step is cancelled."""
    import tensorflow as tf

    def pause(left: Any) -> Any:
        element = tf.constant([0], tf.int64)
        dataset = tf.raw_ops.TensorSliceDataset(components=[element], output_shapes=[[]])
        dataset = tf.raw_ops.SleepDataset(
            input_dataset=dataset,
            sleep_microseconds=tf.constant(5000, tf.int64),
            output_types=[tf.int64],
            output_shapes=[[]],
        )
        slept = tf.raw_ops.DatasetToSingleElement(
            dataset=dataset, output_types=[tf.int64], output_shapes=[[]]
        )[0]
        return left - 10 - slept  # the data set pauses twice: before its element and before its end

    left = tf.while_loop(
        lambda left: left > 0, pause, [tf.cast(milliseconds, tf.int64)], parallel_iterations=1
    )
    with tf.control_dependencies([tf.identity(left[0] if isinstance(left, (list, tuple)) else left)]):
        return tf.identity(result)


def constant(value: float) -> Callable[[Path], Path]:
    """A model that answers ``value`` for every row, to tell which version computed an answer."""

    def build() -> Mapping[str, Any]:
        x = placeholder("float32")
        return {"serving_default": signature({"x": x}, {"y": x * 0.0 + value})}

    return lambda path: write(path, build)


def types(path: Path) -> Path:
    """Identity from ``x`` to ``y``, one signature per type, named after it; ``all`` takes and returns every type."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        found: dict[str, Any] = {}
        every: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for dtype in (*DTYPES, *ODD_DTYPES):
            x = placeholder(dtype, None, f"in_{dtype}")
            y = tf.identity(x, f"out_{dtype}")
            found[dtype] = signature({"x": x}, {"y": y})
            if dtype in DTYPES and dtype != "uint16":  # TF Serving does not read uint16 from JSON
                every[0][dtype], every[1][dtype] = x, y
        found["all"] = signature(*every)
        text = placeholder("string", None, "text")
        found["bytes"] = signature({"x": text}, {"y_bytes": tf.identity(text)})
        found["serving_default"] = found["float32"]
        for dtype in ODD_DTYPES:
            number = placeholder("float32", None)
            found[f"to_{dtype}"] = signature({"x": number}, {"y": tf.cast(number, dtype)})
        for dtype, plain in QUANTIZED.items():
            number = placeholder(plain, None)
            found[f"to_{dtype}"] = signature({"x": number}, {"y": tf.bitcast(number, tf.as_dtype(dtype))})
        return found

    return write(path, build)


def arithmetic(path: Path) -> Path:
    """Two inputs and two outputs, defaults, shapes that a graph refuses, outputs without a batch axis."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        a, b = placeholder("float32", name="a"), placeholder("float32", name="b")
        total, difference = tf.add(a, b, "total"), tf.subtract(a, b, "difference")
        both = {"total": total, "difference": difference}
        matrix = placeholder("float32", (None, 2), "matrix")
        scalar = placeholder("float32", (), "scalar")
        unknown = placeholder("float32", None, "unknown")
        return {
            "serving_default": signature({"left": a, "right": b}, both),
            "defaults": signature({"left": a, "right": b}, both, defaults={"right": [100.0]}),
            "matrix": signature({"x": matrix}, {"y": tf.matmul(matrix, [[1.0], [2.0]])}),
            "scalar": signature({"x": scalar}, {"y": scalar * 2.0}),
            "unknown_rank": signature({"x": unknown}, {"y": unknown * 2.0}),
            "sum": signature({"x": a}, {"y": tf.reduce_sum(a)}),
            "uneven": signature({"x": a}, {"y": tf.identity(a), "z": tf.concat([a, a], 0)}),
            "odd_method": signature({"x": a}, {"y": a + 1.0}, "somewhere/else"),
        }

    return write(path, build)


def failing(path: Path) -> Path:
    """One signature per status that an op can fail with."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        x = placeholder("float32")
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x > 0), ["not positive", x])]):
            checked = tf.identity(x)
        missing = tf.io.read_file(
            tf.strings.join(["/nowhere/at/all/", tf.as_string(tf.cast(x[0], tf.int32))])
        )
        unset = tf.compat.v1.get_variable("unset", initializer=0.0, use_resource=True, collections=["never"])
        return {
            "serving_default": signature({"x": x}, {"y": checked}),
            "not_found": signature({"x": x}, {"y": missing}),
            "failed_precondition": signature({"x": x}, {"y": x + unset.read_value()}),
        }

    return write(path, build)


def counter(path: Path) -> Path:
    """State: each request adds the sum of ``x`` and gets the new count once per row."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        x = placeholder("float32")
        count = tf.compat.v1.get_variable("count", initializer=0.0, use_resource=True)
        added = count.assign_add(tf.reduce_sum(x), read_value=False)
        with tf.control_dependencies([added]):
            now = count.read_value()
        return {
            "serving_default": signature({"x": x}, {"y": now + tf.zeros_like(x)}),
            "look": signature({"x": x}, {"y": count.read_value() + tf.zeros_like(x)}),
        }

    return write(path, build)


def slow(path: Path) -> Path:
    """Answers ``x`` after max(``x``) milliseconds."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        x = placeholder("float32")
        return {"serving_default": signature({"x": x}, {"y": sleep(tf.reduce_max(x), x)})}

    return write(path, build)


def slow_loading(milliseconds: int, value: float) -> Callable[[Path], Path]:
    """Like ``constant``, with an initialisation that takes this long."""

    def build() -> Mapping[str, Any]:
        x = placeholder("float32")
        return {"serving_default": signature({"x": x}, {"y": x * 0.0 + value})}

    def initialise() -> Any:
        import tensorflow as tf

        return tf.group(sleep(tf.constant(milliseconds, tf.int64), tf.constant(0)))

    return lambda path: write(path, build, main_op=initialise)


def heavy(path: Path, nodes: int = 8000, megabytes: int = 0) -> Path:
    """A graph of many nodes, which is slow to import, and a variable of this many megabytes."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        x = placeholder("float32")
        y = x
        for _ in range(nodes):
            y = tf.identity(y)
        if megabytes:
            shape = (megabytes, 256, 1024)
            big = tf.compat.v1.get_variable(
                "big", shape, initializer=tf.compat.v1.ones_initializer(), use_resource=True
            )
            y += big[0, 0, 0]
        return {"serving_default": signature({"x": x}, {"y": y})}

    return write(path, build)


def batches(path: Path) -> Path:
    """Reports its batch: ``size`` its rows, ``least`` its smallest value, next to each row's own ``y``."""

    def build() -> Mapping[str, Any]:
        import tensorflow as tf

        x = placeholder("float32", None, "x")
        size = tf.shape(x)[:1]
        outputs = {
            "y": tf.identity(x),
            "size": tf.fill(size, size[0]),
            "least": tf.fill(size, tf.reduce_min(x)),
        }
        a, b = placeholder("float32", None), placeholder("float32", None)
        return {
            "serving_default": signature({"x": x}, outputs),
            "other": signature({"x": x}, {"size": tf.fill(size, size[0])}),
            "pair": signature({"a": a, "b": b}, {"y": tf.identity(a)}),
            "no_batch_axis": signature({"x": x}, {"y": tf.reduce_sum(x)}),
        }

    return write(path, build)


def tagged(path: Path) -> Path:
    """Two MetaGraphs: ``serve`` answers 1, ``serve,gpu`` answers 2."""
    import tensorflow as tf

    builder = tf.compat.v1.saved_model.Builder(str(path))
    for number, tags in ((1.0, ["serve"]), (2.0, ["serve", "gpu"])):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            x = placeholder("float32")
            variable = tf.compat.v1.get_variable("number", initializer=number)
            session.run(tf.compat.v1.global_variables_initializer())
            signatures = {"serving_default": signature({"x": x}, {"y": x * 0.0 + number + 0.0 * variable})}
            if number == 1.0:
                builder.add_meta_graph_and_variables(session, tags, signature_def_map=signatures)
            else:
                builder.add_meta_graph(tags, signature_def_map=signatures)
    builder.save()
    return path
