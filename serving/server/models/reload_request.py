"""The ReloadConfig call: applies a configuration over gRPC and reports how much some metrics grew meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from serving.server.config.model_config import from_proto
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.models.manager import ModelManager


class Counters(Protocol):
    """Source of metric values."""

    async def full_value(self, name: str) -> int:
        """Returns a metric's value over all labels, such as ``/tensorflow/serving/request_count``; 0 if unknown."""


async def handle(manager: ModelManager, metrics: Counters | None, request: Any) -> Any:
    """Answers a ReloadConfigRequest.

    Args:
        manager: Applies the configuration.
        metrics: Provides the metrics that the request names.
        request: The message.

    Returns:
        The ReloadConfigResponse.

    Raises:
        ServingError: The configuration is refused, or a new model did not become available.
    """
    from tensorflow_serving.apis import model_management_pb2

    if request.config.WhichOneof("config") != "model_config_list":
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        )
    before = {name: await _value(metrics, name) for name in request.metric_names}
    await manager.reload_async(from_proto(request.config))
    response = model_management_pb2.ReloadConfigResponse()
    response.status.error_code = 0
    for name, value in before.items():
        response.metric.add(name=name, int64_value_increase=await _value(metrics, name) - value)
    return response


async def _value(metrics: Counters | None, name: str) -> int:
    return await metrics.full_value(name) if metrics is not None else 0
