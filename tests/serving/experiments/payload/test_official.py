"""Messages built by TensorFlow's and TF Serving's own classes are read as their makers meant them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.experiments.payload import features, outputs, read

pytestmark = pytest.mark.component
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
]


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=3))
    )
)
@settings(max_examples=80, deadline=None)
def test_tensors(array: np.ndarray) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "m", "sig"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(array))
    for _ in range(2):
        got = read.request("grpc", "predict", request.SerializeToString())
        assert (got.count, got.signature) == (len(array), "sig")
        expected = [row.tolist() if row.size > 1 else row.reshape(-1)[0].item() for row in array]
        assert repr(np.array(got.columns["x"]).ravel().tolist()) == repr(np.array(expected).ravel().tolist())


def test_examples_and_answers() -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

    def example(**values: object) -> tf.train.Example:
        made = tf.train.Example()
        for name, value in values.items():
            feature = made.features.feature[name]
            if isinstance(value, float):
                feature.float_list.value.append(value)
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.bytes_list.value.append(str(value).encode())
        return made

    for method, kind in (
        ("classify", classification_pb2.ClassificationRequest),
        ("regress", regression_pb2.RegressionRequest),
        ("multi_inference", inference_pb2.MultiInferenceRequest),
    ):
        request = kind()
        request.input.example_list_with_context.context.CopyFrom(example(country="DE"))
        request.input.example_list_with_context.examples.append(example(age=31, score=0.5))
        assert features("grpc", method, request.SerializeToString()) == {
            "country": "DE",
            "age": 31,
            "score": 0.5,
        }
    answer = inference_pb2.MultiInferenceResponse()
    answer.results.add().model_spec.signature_name = "r"
    answer.results[0].regression_result.regressions.add(value=1.5)
    assert outputs("grpc", "multi_inference", answer.SerializeToString()) == {"r/value": 1.5}
