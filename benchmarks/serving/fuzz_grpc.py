"""Inputs for the gRPC front end: valid messages of every method, with mutated fields and bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import grpc
from fuzz_rest import mutate
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

PREDICTION, MODELS = "/tensorflow.serving.PredictionService/", "/tensorflow.serving.ModelService/"
PYTHON = re.compile(
    r"Traceback|has no attribute|NoneType|not subscriptable|unhashable|unexpected keyword|positional argument"
    r"|codec can't|list index|IndexError|KeyError|TypeError|ValueError|AttributeError"
)
RELOAD = MODELS + "HandleReloadConfigRequest"


def messages(base_path: str) -> dict[str, list[Any]]:
    """Returns valid requests by full method name."""
    predict = predict_pb2.PredictRequest()
    predict.model_spec.name = "fuzz"
    tensor = predict.inputs["x"]
    tensor.dtype = 1
    for size in (2, 4):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend(range(8))
    packed = predict_pb2.PredictRequest()
    packed.CopyFrom(predict)
    packed.inputs["x"].ClearField("float_val")
    packed.inputs["x"].tensor_content = bytes(32)
    packed.output_filter.append("y")
    mixed = predict_pb2.PredictRequest()
    mixed.model_spec.name, mixed.model_spec.signature_name = "fuzz", "mixed"
    for name, (dtype, field, content) in {
        "a": (9, "int64_val", [3]), "b": (7, "string_val", [b"t"]), "c": (10, "bool_val", [True]),
        "d": (2, "double_val", [0.5]), "e": (4, "int_val", [7]),
    }.items():  # fmt: skip
        mixed.inputs[name].dtype = dtype
        mixed.inputs[name].tensor_shape.dim.add(size=1)
        getattr(mixed.inputs[name], field).extend(content)
    classify, regress = classification_pb2.ClassificationRequest(), regression_pb2.RegressionRequest()
    multi = inference_pb2.MultiInferenceRequest()
    for request, name in ((classify, "classify"), (regress, "regress")):
        request.model_spec.name, request.model_spec.signature_name = "fuzz", name
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(0.5)
        task = multi.tasks.add(method_name=f"tensorflow/serving/{name}")
        task.model_spec.CopyFrom(request.model_spec)
    multi.input.CopyFrom(classify.input)
    context = classification_pb2.ClassificationRequest()
    context.model_spec.CopyFrom(classify.model_spec)
    context.input.example_list_with_context.examples.add().CopyFrom(classify.input.example_list.examples[0])
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    status = get_model_status_pb2.GetModelStatusRequest()
    for request in (metadata, status):
        request.model_spec.name = "fuzz"
        request.model_spec.version.value = 1
    reload = model_management_pb2.ReloadConfigRequest(metric_names=["/tensorflow/serving/request_count"])
    config = reload.config.model_config_list.config.add(
        name="fuzz", base_path=base_path, model_platform="tensorflow"
    )
    config.version_labels["stable"] = 1
    return {
        PREDICTION + "Predict": [predict, packed, mixed],
        PREDICTION + "Classify": [classify, context],
        PREDICTION + "Regress": [regress],
        PREDICTION + "MultiInference": [multi],
        PREDICTION + "GetModelMetadata": [metadata],
        MODELS + "GetModelStatus": [status],
        RELOAD: [reload],
    }


def changed(dice: random.Random, message: Any) -> bytes:
    """Returns a message with odd tensors or odd bytes."""
    copy = type(message)()
    copy.CopyFrom(message)
    if isinstance(copy, predict_pb2.PredictRequest) and dice.random() < 0.6:
        tensor = copy.inputs[dice.choice([*list(copy.inputs), "other"])]
        for _ in range(dice.choice([1, 2, 3])):
            _change_tensor(dice, tensor)
        return bytes(copy.SerializeToString())
    if hasattr(copy, "model_spec") and dice.random() < 0.3:
        _change_spec(dice, copy.model_spec)
        return bytes(copy.SerializeToString())
    data = mutate(dice, copy.SerializeToString())
    return dice.choice([data, data, data, data + dice.randbytes(20), b"", dice.randbytes(30)])


def _change_tensor(dice: random.Random, tensor: Any) -> None:
    kind = dice.randrange(7)
    if kind == 0:
        tensor.dtype = dice.choice([*range(31), 101, 109, 10_000])
    elif kind == 1:
        del tensor.tensor_shape.dim[:]
        for _ in range(dice.choice([0, 1, 2, 3, 255, 300])):
            tensor.tensor_shape.dim.add(size=dice.choice([0, 1, 2, 4, -1, -5, 2**31, 2**40, 2**62]))
    elif kind == 2:
        tensor.tensor_content = dice.randbytes(dice.choice([0, 1, 31, 32, 33, 1000]))
    elif kind == 3:
        tensor.ClearField(dice.choice(["float_val", "tensor_shape", "dtype", "string_val", "tensor_content"]))
    elif kind == 4:
        tensor.string_val.extend([dice.randbytes(5)] * dice.randrange(1, 9))
    elif kind == 5:
        tensor.tensor_shape.unknown_rank = True
    else:
        tensor.int_val.extend([dice.choice([-(2**31), 2**31 - 1, 300, 65536])] * dice.randrange(1, 9))


def _change_spec(dice: random.Random, spec: Any) -> None:
    kind = dice.randrange(5)
    if kind == 0:
        spec.name = dice.choice(["", "none", "x" * 5000, "\x00", "é", "fuzz\n"])
    elif kind == 1:
        spec.version.value = dice.choice([0, -1, 2**63 - 1, -(2**63), 2])
    elif kind == 2:
        spec.version_label = dice.choice(["", "none", "x" * 5000])
    elif kind == 3:
        spec.signature_name = dice.choice(
            ["", "none", "mixed", "classify", "__saved_model_init_op", "x" * 5000]
        )
    else:
        spec.Clear()


class GrpcFuzzer:
    """Sends raw messages.

    Args:
        port: The server's gRPC port.
        found: Called with every finding: a short text and the message.
    """

    def __init__(self, port: int, found: Callable[[str, bytes], None]) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._found = found
        self.statuses: dict[str, int] = {}

    def send(self, method: str, message: bytes) -> None:
        """Sends one message and checks the answer."""
        seconds = 0.3 if method == RELOAD else 20
        text = ""
        try:
            self._channel.unary_unary(method)(message, timeout=seconds)
            code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            code, text = error.code(), error.details() or ""
        self.statuses[code.name] = self.statuses.get(code.name, 0) + 1
        # By the contract, a configuration that cannot be loaded is UNKNOWN.
        allowed = code is grpc.StatusCode.UNKNOWN and "did not become available" in text
        bad = code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE)
        late = code is grpc.StatusCode.DEADLINE_EXCEEDED and method != RELOAD
        if (bad and not allowed) or late or PYTHON.search(text):
            self._found(f"{method.rpartition('/')[2]} {code.name} {text[:150]}", message)

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()
