"""Features and outputs of gRPC messages, built without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.payload import features, outputs, read, tensors
from serving.wire import client_pb2
from serving.wire.requests_pb2 import Tensor
from serving.wire.tensors import encode


def predict(signature: str = "", as_content: bool = False, **inputs: object) -> bytes:
    request = client_pb2.PredictRequest()
    request.model_spec.name = "model"
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        array = np.asarray(value)
        if array.dtype.kind in "US":
            array = array.astype(object)
        request.inputs[name].CopyFrom(Tensor.FromString(encode(array, as_content=as_content)))
    return request.SerializeToString()


def example(**values: object) -> bytes:
    message = client_pb2.Example()
    for name, value in values.items():
        several = value if isinstance(value, list) else [value]
        feature = message.features.feature[name]
        if several and isinstance(several[0], float):
            feature.float_list.value.extend(several)
        elif several and isinstance(several[0], int):
            feature.int64_list.value.extend(several)
        elif several:
            feature.bytes_list.value.extend(v.encode() if isinstance(v, str) else v for v in several)
    return message.SerializeToString()


@given(
    st.lists(
        st.tuples(st.floats(width=32, allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.text()),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_rows_come_back_as_they_were_sent(rows: list[tuple[float, int, str]], as_content: bool) -> None:
    floats, integers, texts = map(list, zip(*rows, strict=True))
    body = predict(
        as_content=as_content,
        a=np.array(floats, np.float32).reshape(-1, 1),
        b=np.array(integers, np.int64),
        c=np.array([t.encode() for t in texts], object),
    )
    got = read.request("grpc", "predict", body)
    assert got.count == len(rows)
    assert got.columns == {"a": floats, "b": integers, "c": texts}
    assert features("grpc", "predict", body, ["b"]) == {"b": integers[0]}


DTYPES = [
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "float16",
]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_remembered_reads_as_what_is_parsed(data: st.DataObject) -> None:
    arrays = {}
    for name in data.draw(st.lists(st.sampled_from(["a", "b", "a_long_name"]), min_size=1, unique=True)):
        dtype = data.draw(st.sampled_from([*DTYPES, "object"]))
        shape = data.draw(st.sampled_from([(), (1,), (1, 1), (3,), (3, 1), (2, 2), (0,)]))
        count = int(np.prod(shape))
        if dtype == "object":
            array = np.empty(count, object)
            array[:] = data.draw(st.lists(st.binary(max_size=5), min_size=count, max_size=count))
        else:
            with np.errstate(over="ignore"):
                content = data.draw(st.binary(min_size=8 * count, max_size=8 * count))
                array = np.frombuffer(content, "u8").astype(dtype)
        arrays[name] = array.reshape(shape)
    body = predict(as_content=data.draw(st.booleans()), **arrays)
    remembered = [read.request("grpc", "predict", body) for _ in range(2)][1]
    tensors._heads.clear()
    tensors._tails.clear()
    parsed = read.request("grpc", "predict", body)
    assert repr(remembered) == repr(parsed)
    for name, array in arrays.items():
        if (
            array.shape == (3,)
            and all(a.shape[:1] in ((), (3,)) for a in arrays.values())
            and array.dtype != object
        ):
            assert repr(parsed.columns[name]) == repr(array.tolist())


def test_values_in_an_unusual_order_of_fields_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = encode(np.array([1.5], np.float32))
    fields = b"\x12" + bytes([len(tensor)]) + tensor + b"\x0a\x01x"  # the value before the key
    body = b"\x12" + bytes([len(fields)]) + fields
    for _ in range(2):
        assert features("grpc", "predict", body, ["x"]) == {"x": 1.5}


def test_no_message_loads_tensorflow() -> None:
    code = """
import sys
from serving.experiments.payload import features
from serving.wire import client_pb2
for dtype in range(-2, 200):
    request = client_pb2.PredictRequest()
    request.inputs["x"].dtype = dtype
    request.inputs["x"].tensor_shape.append(b"\\x12\\x02\\x08\\x02")
    body = request.SerializeToString()
    for field in range(1, 40):
        for wire in (b"\\x00\\x01", b"\\x02\\x01a", b"\\x05abcd"):
            tensor = request.inputs["x"].SerializeToString() + bytes([(field << 3 | wire[0]) & 0x7f]) + wire[1:]
            entry = b"\\x0a\\x01x\\x12" + bytes([len(tensor)]) + tensor
            features("grpc", "predict", b"\\x12" + bytes([len(entry)]) + entry)
print(sorted({"tensorflow", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_elements_sent_one_by_one_are_read() -> None:
    tensor = b"\x08\x01" + b"\x12\x04\x12\x02\x08\x02" + 2 * (b"\x2d" + np.float32(1.5).tobytes())
    entry = b"\x0a\x01x\x12" + bytes([len(tensor)]) + tensor
    assert read.request("grpc", "predict", b"\x12" + bytes([len(entry)]) + entry).columns == {"x": [1.5, 1.5]}


def test_remembering_has_a_bound() -> None:
    for number in range(4200):
        features("grpc", "predict", predict(**{f"name_{number}": [1.5]}))
    assert len(tensors._heads) <= 4096


def test_a_matrix_stays_a_nested_list() -> None:
    body = predict(image=np.arange(8).reshape(2, 2, 2), size=np.array([2, 4]))
    assert read.request("grpc", "predict", body).columns == {
        "image": [[[0, 1], [2, 3]], [[4, 5], [6, 7]]],
        "size": [2, 4],
    }


def test_a_scalar_holds_for_every_row() -> None:
    body = predict(x=[1, 2, 3], training=True)
    assert read.request("grpc", "predict", body).columns == {"x": [1, 2, 3], "training": [True] * 3}


def test_inputs_of_different_lengths_are_one_row() -> None:
    got = read.request("grpc", "predict", predict(ids=[1, 2, 3], weights=[0.5, 0.25]))
    assert (got.count, got.columns) == (1, {"ids": [[1, 2, 3]], "weights": [[0.5, 0.25]]})


def test_only_the_first_rows_are_kept_and_all_are_counted() -> None:
    got = read.request("grpc", "predict", predict(x=list(range(500))), most=3)
    assert (got.count, got.columns) == (500, {"x": [0, 1, 2]})


def test_the_signature_is_read() -> None:
    assert read.request("grpc", "predict", predict("mine", x=[1])).signature == "mine"


def test_bytes_that_are_not_text_stay_bytes() -> None:
    assert features("grpc", "predict", predict(x=np.array([b"\xff\x00"], object))) == {"x": b"\xff\x00"}


def test_examples_inside_a_predict_are_opened() -> None:
    body = predict(examples=np.array([example(age=31, name="a"), example(age=7, tags=["x", "y"])], object))
    assert read.request("grpc", "predict", body).columns == {
        "age": [31, 7],
        "name": ["a", None],
        "tags": [None, ["x", "y"]],
    }
    assert features("grpc", "predict", body, ["age"]) == {"age": 31}


def test_what_stands_among_examples_and_is_none_is_left_out() -> None:
    values = [example(mail="a@b.c"), b"\nno example", b"", b"\x0a\xff"]
    body = predict(examples=np.array(values, object))
    assert read.request("grpc", "predict", body).columns == {"mail": ["a@b.c", None, None, None]}


def test_a_text_that_begins_like_an_example_stays_text() -> None:
    assert features("grpc", "predict", predict(x=np.array([b"\nhello"], object))) == {"x": "\nhello"}


def test_a_tiny_message_cannot_blow_up() -> None:
    one_axis_of_half_a_million = b"\x12\x04\x08\x80\x80\x20"
    tensor = Tensor(dtype=1, float_val=[np.float32(1).tobytes()], tensor_shape=[one_axis_of_half_a_million])
    request = client_pb2.PredictRequest()
    request.inputs["x"].CopyFrom(tensor)
    got = read.request("grpc", "predict", request.SerializeToString())
    assert (got.count, got.columns) == (1, {"x": [None]})


@pytest.mark.parametrize("kind", ["classify", "regress", "multi_inference"])
def test_examples_of_a_classification_or_regression(kind: str) -> None:
    request = client_pb2.ClassificationRequest()
    request.model_spec.signature_name = "sig"
    held = request.input.example_list_with_context
    held.context.ParseFromString(example(country="DE", age=0))
    held.examples.add().ParseFromString(example(age=31))
    held.examples.add().ParseFromString(example(score=[0.5, 0.25]))
    got = read.request("grpc", kind, request.SerializeToString())
    assert got.count == 2
    assert got.columns == {"country": ["DE", "DE"], "age": [31, 0], "score": [None, [0.5, 0.25]]}
    assert features("grpc", kind, request.SerializeToString(), ["country"]) == {"country": "DE"}


def test_outputs_of_each_kind_of_answer() -> None:
    answer = client_pb2.PredictResponse()
    answer.outputs["score"].CopyFrom(Tensor.FromString(encode(np.array([[0.5], [0.25]], np.float32))))
    assert read.response("grpc", "predict", answer.SerializeToString()).columns == {"score": [0.5, 0.25]}

    classified = client_pb2.ClassificationResponse()
    classes = classified.result.classifications.add().classes
    classes.add(label="a", score=0.75)
    classes.add(label="b", score=0.25)
    assert outputs("grpc", "classify", classified.SerializeToString()) == {
        "classes": ["a", "b"],
        "scores": [0.75, 0.25],
    }
    regressed = client_pb2.RegressionResponse()
    regressed.result.regressions.add(value=1.5)
    assert outputs("grpc", "regress", regressed.SerializeToString()) == {"value": 1.5}

    several = client_pb2.MultiInferenceResponse()
    for name, part in (("c", "classification_result"), ("r", "regression_result")):
        one = several.results.add()
        one.model_spec.signature_name = name
        getattr(one, part).CopyFrom(classified.result if name == "c" else regressed.result)
    assert outputs("grpc", "multi_inference", several.SerializeToString()) == {
        "c/classes": ["a", "b"],
        "c/scores": [0.75, 0.25],
        "r/value": 1.5,
    }


@given(
    st.binary(max_size=200), st.sampled_from(["predict", "classify", "regress", "multi_inference", "other"])
)
@settings(max_examples=300, deadline=None)
def test_anything_is_read_without_an_error(body: bytes, method: str) -> None:
    for api in ("grpc", "rest"):
        assert isinstance(features(api, method, body), dict)
        assert isinstance(outputs(api, method, body), dict)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_message_is_read_without_an_error(data: st.DataObject) -> None:
    body = bytearray(predict(a=np.array([[1.5]], np.float32), b=np.array([b"text", b"x"], object), c=[1, 2]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    columns = read.request("grpc", "predict", bytes(body)).columns
    assert len({len(values) for values in columns.values()}) <= 1


def test_a_large_body_is_not_read() -> None:
    assert read.request("grpc", "predict", predict(x=[1]), most_bytes=5).count == 0
