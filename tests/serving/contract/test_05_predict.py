"""Contract, section 5.1 to 5.3: Predict by gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.clients import floats, refused, spec, tensor
from tests.serving.graphs import QUANTIZED

if TYPE_CHECKING:
    from tests.serving.clients import GrpcClient

pytestmark = pytest.mark.integration

FIELDS = {
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "float32": "float_val",
    "float64": "double_val",
    "bool": "bool_val",
    "string": "string_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
}


def _extremes(dtype: str) -> Any:
    import numpy as np

    if dtype == "bool":
        return np.array([True, False])
    if dtype == "string":
        return np.array([b"", b"\x00\xff", "ä".encode()], object)
    if "int" in dtype:
        limits = np.iinfo(dtype)
        return np.array([limits.min, 0, limits.max], dtype)
    if dtype == "bfloat16":
        import tensorflow as tf

        return np.array([1.5, -2.0, float("inf")]).astype(tf.bfloat16.as_numpy_dtype)
    return np.array([1.5, -2.0, float("inf"), float("nan")]).astype(dtype)


# 5.1 Errors


@pytest.mark.parametrize(
    ("target", "inputs", "outputs", "code", "texts"),
    [
        pytest.param(
            {"signature": "S"},
            {"left": [1.0]},
            [],
            "FAILED_PRECONDITION",
            ['Serving signature key "S" not found.'],
            id="5.1: signature unknown",
        ),
        pytest.param({}, {"left": [1.0]}, [], "INVALID_ARGUMENT", ["right"], id="5.1: input missing"),
        pytest.param(
            {},
            {"left": [1.0], "right": [1.0], "surplus": [1.0]},
            [],
            "INVALID_ARGUMENT",
            ["surplus"],
            id="5.1: input extra",
        ),
        pytest.param(
            {},
            {"left": [1.0], "beta": [1.0]},
            [],
            "INVALID_ARGUMENT",
            ["beta", "right"],
            id="5.1: input misnamed",
        ),
        pytest.param({}, {}, [], "INVALID_ARGUMENT", ["left", "right"], id="5.1: no inputs"),
        pytest.param(
            {"signature": "defaults"},
            {"right": [1.0]},
            [],
            "INVALID_ARGUMENT",
            ["left"],
            id="5.1: left has no default",
        ),
        pytest.param(
            {},
            {"left": [1.0], "right": [1.0]},
            ["quotient"],
            "INVALID_ARGUMENT",
            ["output tensor alias not found in signature: quotient"],
            id="5.1: output_filter unknown",
        ),
        pytest.param(
            {},
            {"left": [1.0], "right": [1.0]},
            ["total", "total"],
            "INVALID_ARGUMENT",
            ["duplicate output tensor alias: total"],
            id="5.1: output_filter repeated",
        ),
        pytest.param(
            {"signature": "matrix"},
            {"x": [[1.0, 2.0, 3.0]]},
            [],
            "INVALID_ARGUMENT",
            [],
            id="5.1: shape the graph refuses",
        ),
    ],
)
def test_predict_refuses(
    client: GrpcClient,
    target: dict[str, Any],
    inputs: dict[str, list[Any]],
    outputs: list[str],
    code: str,
    texts: list[str],
) -> None:
    with refused(code, *texts):
        client.predict(
            spec("arithmetic", **target), {name: tensor(v, "float32") for name, v in inputs.items()}, outputs
        )


@pytest.mark.parametrize("dtype", ["int32", "float64", "string", "bool"], ids="5.1: {}, not float".format)
def test_there_is_no_conversion_of_any_kind(client: GrpcClient, dtype: str) -> None:
    value = {"string": ["1"], "bool": [True]}.get(dtype, [1])
    with refused("INVALID_ARGUMENT"):
        client.predict("types", {"x": tensor(value, dtype)})


def _malformed(name: str) -> Any:
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    proto = TensorProto(dtype=1)
    if name == "content too short":
        proto.tensor_shape.dim.add(size=3)
        proto.tensor_content = b"\x00" * 8
    elif name == "content too long":
        proto.tensor_shape.dim.add(size=1)
        proto.tensor_content = b"\x00" * 8
    elif name == "unknown size":
        proto.tensor_shape.dim.add(size=-1)
        proto.float_val.append(1.0)
    elif name == "255 dimensions":
        for _ in range(255):
            proto.tensor_shape.dim.add(size=1)
        proto.float_val.append(1.0)
    elif name == "more elements than fit":
        for _ in range(4):
            proto.tensor_shape.dim.add(size=2**40)
        proto.float_val.append(1.0)
    else:
        assert name == "no type", name
        proto.dtype = 0
        proto.tensor_shape.dim.add(size=1)
    return proto


@pytest.mark.parametrize(
    "name",
    [
        "content too short",
        "content too long",
        "unknown size",
        "255 dimensions",
        "more elements than fit",
        "no type",
    ],
    ids="5.1: {}".format,
)
def test_a_malformed_tensor(client: GrpcClient, name: str) -> None:
    with refused("INVALID_ARGUMENT", "tensor parsing error: x"):
        client.predict("types", {"x": _malformed(name)})


@pytest.mark.parametrize(
    ("signature", "x", "code", "text"),
    [
        pytest.param("", -1.0, "INVALID_ARGUMENT", "not positive", id="5.1: op ends with INVALID_ARGUMENT"),
        pytest.param("not_found", 1.0, "NOT_FOUND", "/nowhere/at/all/1", id="5.1: op ends with NOT_FOUND"),
        pytest.param(
            "failed_precondition", 1.0, "FAILED_PRECONDITION", "", id="5.1: op ends with FAILED_PRECONDITION"
        ),
    ],
)
def test_the_code_of_an_op_is_passed_through(
    client: GrpcClient, signature: str, x: float, code: str, text: str
) -> None:
    with refused(code, text) as caught:
        client.predict(spec("failing", signature=signature), {"x": floats(x)})
    assert "Traceback" not in caught.value.details() and "File " not in caught.value.details()


def test_5_1_inputs_with_a_default_may_be_left_out(client: GrpcClient) -> None:
    target = spec("arithmetic", signature="defaults")
    assert list(client.predict(target, {"left": floats(1.0)}).outputs["total"].float_val) == [101.0]
    both = client.predict(target, {"left": floats(1.0), "right": floats(2.0)})
    assert list(both.outputs["total"].float_val) == [3.0]


# 5.2 output_filter


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param([], {"total", "difference"}, id="5.2: empty is all"),
        pytest.param(["difference"], {"difference"}, id="5.2: only those"),
        pytest.param(["total", "difference"], {"total", "difference"}, id="5.2: both"),
    ],
)
def test_the_output_filter(client: GrpcClient, outputs: list[str], expected: set[str]) -> None:
    response = client.predict("arithmetic", {"left": floats(3.0), "right": floats(2.0)}, outputs)
    assert set(response.outputs) == expected
    values = {"total": [5.0], "difference": [1.0]}
    assert {name: list(value.float_val) for name, value in response.outputs.items()} == {
        name: values[name] for name in expected
    }


def test_5_2_only_the_filtered_outputs_are_computed(client: GrpcClient) -> None:
    """Only one output changes ``count``: requesting another one alone leaves it unchanged."""
    before = client.value(spec("counter", signature="look"), [0.0])
    assert client.value(spec("counter", signature="look"), [5.0]) == before
    assert client.value("counter", [5.0]) == [before[0] + 5.0]
    assert client.value(spec("counter", signature="look"), [0.0]) == [before[0] + 5.0], "state is kept"


# 5.3 Tensors


@pytest.mark.parametrize("dtype", FIELDS, ids="5.3: {}".format)
def test_outputs_come_in_typed_fields(client: GrpcClient, dtype: str) -> None:
    import tensorflow as tf

    sent = _extremes(dtype)
    typed = client.predict(spec("types", signature=dtype), {"x": tensor(sent, dtype)}).outputs["y"]
    assert typed.tensor_content == b""
    assert typed.dtype == tf.as_dtype(dtype).as_datatype_enum
    assert [dim.size for dim in typed.tensor_shape.dim] == list(sent.shape)
    filled = {field.name for field, _ in typed.ListFields()} - {"dtype", "tensor_shape"}
    assert filled == {FIELDS[dtype]}
    received = tf.make_ndarray(typed)
    assert received.tobytes() == sent.tobytes() if dtype != "string" else list(received) == list(sent)


@pytest.mark.parametrize("dtype", [d for d in FIELDS if d != "string"], ids="5.3: {} as content".format)
def test_inputs_in_tensor_content(client: GrpcClient, dtype: str) -> None:
    import tensorflow as tf
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    sent = _extremes(dtype)
    proto = TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum, tensor_content=sent.tobytes())
    proto.tensor_shape.dim.add(size=len(sent))
    received = client.predict(spec("types", signature=dtype), {"x": proto}).outputs["y"]
    assert tf.make_ndarray(received).tobytes() == sent.tobytes()


@pytest.mark.parametrize("dtype", FIELDS, ids="5.3: {} in typed fields".format)
def test_inputs_in_typed_fields(client: GrpcClient, dtype: str) -> None:
    """The server accepts its own typed fields unchanged."""
    first = client.predict(spec("types", signature=dtype), {"x": tensor(_extremes(dtype), dtype)}).outputs[
        "y"
    ]
    again = client.predict(spec("types", signature=dtype), {"x": first}).outputs["y"]
    assert again.SerializeToString() == first.SerializeToString()


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        pytest.param("float32", [1.0, 2.0], [1.0, 2.0, 2.0, 2.0], id="5.3: the last value repeats"),
        pytest.param("float32", [], [0.0] * 4, id="5.3: no value at all is zero"),
        pytest.param("int8", [-7], [-7] * 4, id="5.3: one integer repeats"),
        pytest.param("string", [b"s"], [b"s"] * 4, id="5.3: one string repeats"),
        pytest.param("bool", [True], [True] * 4, id="5.3: one bool repeats"),
    ],
)
def test_fewer_values_than_elements(
    client: GrpcClient, dtype: str, values: list[Any], expected: list[Any]
) -> None:
    import tensorflow as tf
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    proto = TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
    proto.tensor_shape.dim.add(size=4)
    getattr(proto, FIELDS[dtype]).extend(values)
    received = client.predict(spec("types", signature=dtype), {"x": proto}).outputs["y"]
    assert list(tf.make_ndarray(received)) == expected


@pytest.mark.parametrize(
    "shape", [(), (0,), (2, 0, 3), (1, 1, 1, 1), (2, 3)], ids=lambda shape: f"5.3: shape {shape}"
)
def test_shapes_are_kept(client: GrpcClient, shape: tuple[int, ...]) -> None:
    import numpy as np
    import tensorflow as tf

    sent = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    received = tf.make_ndarray(client.predict("types", {"x": sent}).outputs["y"])
    assert received.shape == shape and np.array_equal(received, sent)


@pytest.mark.parametrize("shape", [(), (1, 2), (2, 1, 2)], ids=lambda shape: f"5.3: {shape} for [-1]")
def test_shapes_are_not_held_against_the_signature(client: GrpcClient, shape: tuple[int, ...]) -> None:
    import numpy as np
    import tensorflow as tf

    sent = np.full(shape, 4.0, np.float32)
    received = tf.make_ndarray(client.predict("half_plus_two", {"x": sent}).outputs["y"])
    assert np.array_equal(received, np.full(shape, 4.0))


@pytest.mark.parametrize("signature", ["scalar", "unknown_rank"], ids="5.3: {}".format)
def test_inputs_without_a_batch_axis(client: GrpcClient, signature: str) -> None:
    received = client.predict(spec("arithmetic", signature=signature), {"x": tensor(3.0, "float32")})
    assert list(received.outputs["y"].float_val) == [6.0] and not received.outputs["y"].tensor_shape.dim


@pytest.mark.parametrize("text", [b"", b"scalar", b"\x00\xff"], ids="5.3: {}".format)
def test_a_string_without_a_batch_axis(client: GrpcClient, text: bytes) -> None:
    received = client.predict(spec("types", signature="string"), {"x": tensor(text, "string")}).outputs["y"]
    assert list(received.string_val) == [text] and not received.tensor_shape.dim


def test_5_3_every_type_in_one_request(client: GrpcClient) -> None:
    import tensorflow as tf

    from tests.serving.graphs import DTYPES

    sent = {dtype: tensor(_extremes(dtype), dtype) for dtype in DTYPES if dtype != "uint16"}
    received = client.predict(spec("types", signature="all"), sent).outputs
    for dtype, value in sent.items():
        assert tf.make_ndarray(received[dtype]).tolist() == pytest.approx(
            tf.make_ndarray(value).tolist(), nan_ok=True
        ) or dtype in ("string", "bool")
    assert list(received["string"].string_val) == list(_extremes("string"))


@pytest.mark.parametrize("dtype", QUANTIZED)
def test_5_2_quantized_outputs_keep_their_type(client: GrpcClient, dtype: str) -> None:
    import tensorflow as tf

    values = [1, 2, 100]
    given = tensor(values, QUANTIZED[dtype])
    answer = client.predict(spec("types", signature=f"to_{dtype}"), {"x": given}).outputs["y"]
    assert (answer.dtype, list(answer.int_val)) == (tf.as_dtype(dtype).as_datatype_enum, values)
