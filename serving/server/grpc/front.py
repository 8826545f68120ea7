"""The gRPC front end: adds method names, deadlines, status codes, metrics and the request log to the calls."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import grpc

from serving.server.grpc.calls import Calls, Seen
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.server.config.options import Options
    from serving.server.grpc.health import Health
    from serving.server.inference import Inference
    from serving.server.models.manager import ModelManager

    Call = Callable[[bytes, Seen, int | None], Awaitable[bytes]]

log = logging.getLogger(__name__)
PREDICTION_SERVICE: Final = "tensorflow.serving.PredictionService"
MODEL_SERVICE: Final = "tensorflow.serving.ModelService"
_LONGEST_MESSAGE: Final = 1024
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def build_grpc_server(
    inference: Inference,
    manager: ModelManager,
    options: Options,
    metrics: Any = None,
    request_log: Any = None,
    health: Health | None = None,
) -> grpc.aio.Server:
    """Builds the gRPC server; the caller adds ports and starts it on the event loop.

    Args:
        inference: Answers inference requests.
        manager: Leases versions, reports their states, applies configurations.
        options: The server's options.
        metrics: Counts requests, if given.
        request_log: Logs samples of requests, if given.
        health: The health service, if there is to be one.

    Returns:
        The server, not yet started.
    """
    front = _Front(metrics, request_log)
    calls = Calls(inference, manager, options, metrics)
    server = grpc.aio.server(options=_arguments(options))
    prediction = {
        "Predict": front.handler(calls.predict, "Predict", "predict"),
        "Classify": front.handler(calls.classify, "Classify", "classify"),
        "Regress": front.handler(calls.regress, "Regress", "regress"),
        "MultiInference": front.handler(calls.multi_inference, "", "multi_inference"),
        "GetModelMetadata": front.handler(calls.metadata),
    }
    model = {
        "GetModelStatus": front.handler(calls.status),
        "HandleReloadConfigRequest": front.handler(calls.reload),
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(PREDICTION_SERVICE, prediction),
            grpc.method_handlers_generic_handler(MODEL_SERVICE, model),
        )
    )
    if health is not None:
        server.add_generic_rpc_handlers((health.handlers(),))
    return server


def _arguments(options: Options) -> list[tuple[str, int | str]]:
    limit = options.grpc_message_limit
    return [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        *options.grpc_arguments,
    ]


class _Front:
    """Wraps every call."""

    def __init__(self, metrics: Any, request_log: Any) -> None:
        self._metrics = metrics
        self._request_log = request_log

    def handler(self, call: Call, api: str = "", kind: str = "") -> grpc.RpcMethodHandler:
        """Returns a server method for a call.

        Args:
            call: Takes the request's bytes and returns the answer's.
            api: The API's name in the metrics; empty means not counted.
            kind: The call's name in the metrics per version and in the request log; empty means neither.

        Returns:
            The handler, for raw bytes.
        """

        async def handle(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
            began = perf_counter()
            seen = Seen()
            remaining = context.time_remaining()
            timeout_ms = None if remaining is None else max(1, int(remaining * 1000))
            failure = None
            try:
                answer = await call(data, seen, timeout_ms)
            except ServingError as error:
                failure = error.code, error.message
            except MemoryError:
                log.exception("There is not enough memory for a %s request", kind or "model")
                failure = Code.RESOURCE_EXHAUSTED, "Not enough memory for this request"
            except Exception as error:
                log.exception("Internal error in a %s request", kind or "model")
                failure = Code.INTERNAL, f"Internal error: {type(error).__name__}"
            if failure is not None:
                self._count(api, kind, seen, failure[0], began)
                # To abort raises an error that gRPC keeps beside the call: a cycle with this frame. Neither the frame nor an
                # error that is being handled may know the message then, or it would stay until the garbage collector comes.
                del data
                return await _abort(context, *failure)
            self._count(api, kind, seen, Code.OK, began)
            requests = self._request_log
            if kind and requests is not None and requests.active and requests.wants(seen.model):
                asyncio.get_running_loop().call_soon(
                    requests.add, kind, seen.model, seen.version, data, answer
                )
            return answer

        return grpc.unary_unary_rpc_method_handler(handle)

    def _count(self, api: str, kind: str, seen: Seen, code: Code, began: float) -> None:
        metrics = self._metrics
        if metrics is None or not kind:
            return
        microseconds = (perf_counter() - began) * 1e6
        if api:
            metrics.request(seen.model, api, "GRPC", code, microseconds)
        if seen.version is not None:
            metrics.version_request(seen.model, seen.version, seen.signature, kind, code, microseconds)


async def _abort(context: grpc.aio.ServicerContext, code: Code, message: str) -> bytes:
    """Ends the call with a status; text over 1,024 bytes is cut as in TF Serving."""
    encoded = message.encode(errors="replace")
    if len(encoded) > _LONGEST_MESSAGE:
        message = encoded[:_LONGEST_MESSAGE].decode(errors="ignore") + "...TRUNCATED"
    await context.abort(_CODES[int(code)], message)
    raise AssertionError("abort raises")
