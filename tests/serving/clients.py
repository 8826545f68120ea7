"""Real clients of a model server: the stubs of tensorflow-serving-api over grpcio, and httpx."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import httpx

SECONDS = 20.0
NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@contextlib.contextmanager
def refused(code: str, *texts: str) -> Iterator[Any]:
    """Asserts that the block's RPC fails with this status and a message that contains the texts."""
    import grpc

    with pytest.raises(grpc.RpcError) as caught:
        yield caught
    seen = (caught.value.code().name, caught.value.details())
    assert seen[0] == code, seen
    for text in texts:
        assert text in seen[1], seen


def spec(
    name: str, *, version: int | None = None, label: str | None = None, signature: str | None = None
) -> Any:
    """A ModelSpec with only the given fields."""
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    found = ModelSpec(name=name)
    if version is not None:
        found.version.value = version
    if label is not None:
        found.version_label = label
    if signature is not None:
        found.signature_name = signature
    return found


def tensor(value: Any, dtype: str | None = None) -> Any:
    """A TensorProto with typed fields if make_tensor_proto writes them."""
    import tensorflow as tf

    return tf.make_tensor_proto(value, tf.as_dtype(dtype) if dtype else None)


def floats(*values: float) -> Any:
    """A TensorProto of one row per value."""
    return tensor(list(values), "float32")


def predict_request(target: Any, inputs: Mapping[str, Any], outputs: Iterable[str] = ()) -> Any:
    """A PredictRequest; plain values become tensors as NumPy types them."""
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest(model_spec=spec(target) if isinstance(target, str) else target)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(value if isinstance(value, TensorProto) else tensor(value))
    request.output_filter.extend(outputs)
    return request


def example(**features: Any) -> Any:
    """A tf.Example: floats, ints and bytes (or text) by Python type, single values or lists."""
    import tensorflow as tf

    found = tf.train.Example()
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        feature = found.features.feature[name]
        if isinstance(values[0], float):
            feature.float_list.value.extend(values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(v.encode() if isinstance(v, str) else v for v in values)
    return found


def fill_examples(request: Any, examples: Iterable[Any], context: Any = None) -> Any:
    """Puts the examples into the ``input`` of a Classification-, Regression- or MultiInferenceRequest."""
    if context is None:
        request.input.example_list.examples.extend(examples)
    else:
        request.input.example_list_with_context.examples.extend(examples)
        request.input.example_list_with_context.context.CopyFrom(context)
    return request


class GrpcClient:
    """A server's two services; each call has a deadline.

    Args:
        target: As grpc.insecure_channel takes it.
        credentials: For a TLS channel; None connects in the clear.
        options: Channel options in addition to unlimited message sizes.
    """

    def __init__(self, target: str, credentials: Any = None, options: Iterable[tuple[str, Any]] = ()) -> None:
        import grpc
        from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
        from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

        own = [*NO_LIMIT, ("grpc.use_local_subchannel_pool", 1), *options]
        self.channel = (
            grpc.secure_channel(target, credentials, own)
            if credentials
            else grpc.insecure_channel(target, own)
        )
        self.prediction = PredictionServiceStub(self.channel)
        self.model = ModelServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()

    def predict(
        self,
        target: Any,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] = (),
        seconds: float = SECONDS,
    ) -> Any:
        """One Predict; ``target`` is a model's name or a ModelSpec."""
        return self.prediction.Predict(predict_request(target, inputs, outputs), timeout=seconds)

    def value(self, target: Any, x: Any = (1.0,), output: str = "y") -> list[Any]:
        """The values of one float output for float rows ``x``."""
        return list(self.predict(target, {"x": floats(*x)}).outputs[output].float_val)

    def classify(self, target: Any, examples: Iterable[Any], context: Any = None) -> Any:
        from tensorflow_serving.apis.classification_pb2 import ClassificationRequest

        request = fill_examples(
            ClassificationRequest(model_spec=spec(target) if isinstance(target, str) else target),
            examples,
            context,
        )
        return self.prediction.Classify(request, timeout=SECONDS)

    def regress(self, target: Any, examples: Iterable[Any], context: Any = None) -> Any:
        from tensorflow_serving.apis.regression_pb2 import RegressionRequest

        request = fill_examples(
            RegressionRequest(model_spec=spec(target) if isinstance(target, str) else target),
            examples,
            context,
        )
        return self.prediction.Regress(request, timeout=SECONDS)

    def metadata(self, target: Any, *fields: str) -> Any:
        """One GetModelMetadata."""
        from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest

        chosen = spec(target) if isinstance(target, str) else target
        request = GetModelMetadataRequest(model_spec=chosen, metadata_field=fields)
        return self.prediction.GetModelMetadata(request, timeout=SECONDS)

    def statuses(self, target: Any) -> list[Any]:
        """A model's version statuses, as listed."""
        from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest

        request = GetModelStatusRequest(model_spec=spec(target) if isinstance(target, str) else target)
        return list(self.model.GetModelStatus(request, timeout=SECONDS).model_version_status)

    def states(self, target: Any) -> dict[int, str]:
        """The name of each version's state."""
        return {s.version: type(s).State.Name(s.state) for s in self.statuses(target)}

    def reload(self, config: Any, seconds: float = 60.0, metrics: Iterable[str] = ()) -> Any:
        """One HandleReloadConfigRequest; ``config`` is a ModelServerConfig or its text."""
        from google.protobuf import text_format
        from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
        from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

        if isinstance(config, str):
            config = text_format.Parse(config, ModelServerConfig())
        request = ReloadConfigRequest(config=config, metric_names=list(metrics))
        return self.model.HandleReloadConfigRequest(request, timeout=seconds)


def rest_client(url: str) -> httpx.Client:
    """An HTTP client for a server's REST port, with a time limit and ignoring proxy variables."""
    import httpx

    return httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
