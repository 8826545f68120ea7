"""Our own messages compared with those of tensorflow-serving-api and TensorFlow."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from serving.wire import client_pb2, requests_pb2

pytestmark = pytest.mark.integration

MODULES = {
    "tensorflow.core.example.example_pb2": "Example",
    "tensorflow.core.example.feature_pb2": "BytesList FloatList Int64List Feature Features",
    "tensorflow.core.framework.tensor_pb2": "TensorProto",
    "tensorflow.core.protobuf.meta_graph_pb2": "TensorInfo SignatureDef MetaGraphDef",
    "tensorflow.core.protobuf.saved_model_pb2": "SavedModel",
    "google.protobuf.any_pb2": "Any",
    "google.protobuf.wrappers_pb2": "Int64Value",
    "tensorflow_serving.apis.model_pb2": "ModelSpec",
    "tensorflow_serving.apis.predict_pb2": "PredictRequest PredictResponse",
    "tensorflow_serving.apis.prediction_log_pb2": "PredictLog PredictionLog",
    "tensorflow_serving.apis.input_pb2": "ExampleList ExampleListWithContext Input",
    "tensorflow_serving.apis.classification_pb2": "Class Classifications ClassificationResult ClassificationRequest "
    "ClassificationResponse",
    "tensorflow_serving.apis.regression_pb2": "Regression RegressionResult RegressionRequest RegressionResponse",
    "tensorflow_serving.apis.inference_pb2": "InferenceTask InferenceResult MultiInferenceRequest "
    "MultiInferenceResponse",
    "tensorflow_serving.apis.get_model_metadata_pb2": "SignatureDefMap GetModelMetadataRequest "
    "GetModelMetadataResponse",
    "tensorflow_serving.apis.status_pb2": "StatusProto",
    "tensorflow_serving.apis.get_model_status_pb2": "ModelVersionStatus GetModelStatusRequest GetModelStatusResponse",
    "tensorflow_serving.apis.model_management_pb2": "ReloadConfigRequest ReloadConfigResponse",
}


def official(name: str) -> Any:
    if name in ("Shape", "Dim"):
        shape = importlib.import_module("tensorflow.core.framework.tensor_shape_pb2").TensorShapeProto
        return shape.DESCRIPTOR if name == "Shape" else shape.Dim.DESCRIPTOR
    if name == "Entry":
        return official("PredictRequest").nested_types_by_name["InputsEntry"]
    if name == "MetaInfoDef":
        return official("MetaGraphDef").nested_types_by_name[name]
    name = OFFICIAL.get(name, name)
    [module] = [module for module, names in MODULES.items() if name in names.split()]
    return getattr(importlib.import_module(module), name).DESCRIPTOR


OFFICIAL = {
    "Tensor": "TensorProto",
    "ExampleRequest": "ClassificationRequest",
    "Examples": "ExampleList",
    "ExamplesWithContext": "ExampleListWithContext",
}
MESSAGES = [
    message
    for module in (client_pb2, requests_pb2)
    for message in module.DESCRIPTOR.message_types_by_name.values()
]
WIRE = {
    1: "fixed64",
    2: "fixed32",
    3: "varint",
    4: "varint",
    5: "varint",
    8: "varint",
    13: "varint",
    14: "varint",
}


def on_the_wire(field: Any) -> str:
    """How a field is encoded: packed numbers are length-delimited, like text, bytes and messages."""
    packed = field.is_repeated and field.type in WIRE
    return "bytes" if packed else WIRE.get(field.type, "bytes")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.full_name)
def test_every_field_has_the_official_number_and_encoding(message: Any) -> None:
    theirs = {field.name: field for field in official(message.name).fields}
    for field in message.fields:
        assert field.number == theirs[field.name].number, field.name
        assert on_the_wire(field) == on_the_wire(theirs[field.name]), field.name


def test_requests_and_answers_are_read_by_the_other_side() -> None:
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    from serving.client import DType
    from serving.client.grpc.tensors import read_tensor, write_tensor

    ours = client_pb2.PredictRequest()
    for dtype in (d for d in DType if d is not DType.OTHER):
        kind = dtype.numpy
        array = np.array([[b"a", b"\xff"]], object) if kind.kind == "O" else np.array([[0, 1]]).astype(kind)
        write_tensor(array, dtype, ours.inputs[dtype.name])
        theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString()).inputs[dtype.name]
        back = tf.make_ndarray(theirs)
        assert back.tolist() == array.tolist()
        typed = tf.make_tensor_proto(array, dtype=int(dtype), shape=array.shape)
        for answer in (typed, tf.make_tensor_proto(array.repeat(3, axis=0), dtype=int(dtype))):
            read = read_tensor(requests_pb2.Tensor.FromString(answer.SerializeToString()), "y")
            assert read.tolist() == tf.make_ndarray(answer).tolist()
            assert read.dtype == kind
