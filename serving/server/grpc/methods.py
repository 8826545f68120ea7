"""The methods of the gRPC front end: add deadlines, status codes, metrics and the request log to the calls."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from serving.server.grpc.calls import Seen
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from serving.server.config.options import Options
    from serving.server.grpc.calls import Calls

    Answering = Callable[[bytes, Seen, int | None], Awaitable[bytes]]

log = logging.getLogger(__name__)
PREDICTION_SERVICE: Final = "tensorflow.serving.PredictionService"
MODEL_SERVICE: Final = "tensorflow.serving.ModelService"
_LONGEST_MESSAGE: Final = 1024


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a service.

    Attributes:
        service: The service's full name.
        name: The method's name.
        call: Takes the request's bytes and returns the answer's.
        api: The API's name in the metrics; empty means not counted.
        kind: The call's name in the metrics per version and in the request log; empty means neither.
    """

    service: str
    name: str
    call: Answering
    api: str = ""
    kind: str = ""


def methods_of(calls: Calls) -> list[Method]:
    """Returns the methods of TF Serving's services."""
    return [
        Method(PREDICTION_SERVICE, "Predict", calls.predict, "Predict", "predict"),
        Method(PREDICTION_SERVICE, "Classify", calls.classify, "Classify", "classify"),
        Method(PREDICTION_SERVICE, "Regress", calls.regress, "Regress", "regress"),
        Method(PREDICTION_SERVICE, "MultiInference", calls.multi_inference, "", "multi_inference"),
        Method(PREDICTION_SERVICE, "GetModelMetadata", calls.metadata),
        Method(MODEL_SERVICE, "GetModelStatus", calls.status),
        Method(MODEL_SERVICE, "HandleReloadConfigRequest", calls.reload),
    ]


class Front:
    """What every call gets, whatever the transport.

    Args:
        metrics: Counts requests, if given.
        request_log: Logs samples of requests, if given.
    """

    def __init__(self, metrics: Any, request_log: Any) -> None:
        self._metrics = metrics
        self._request_log = request_log

    async def answer(
        self, method: Method, data: bytes, remaining: float | None
    ) -> tuple[bytes | None, tuple[Code, str] | None]:
        """Answers a call; raises only when it is cancelled.

        Args:
            method: The method.
            data: The request.
            remaining: How long its client waits, in seconds; None means any time.

        Returns:
            The answer, and None; or None, and the code and text of the failure.
        """
        began = perf_counter()
        seen = Seen()
        timeout_ms = None if remaining is None else max(1, int(remaining * 1000))
        kind = method.kind
        try:
            answer = await method.call(data, seen, timeout_ms)
        except ServingError as error:
            failure = error.code, shortened(error.message)
        except MemoryError:
            log.exception("There is not enough memory for a %s request", kind or "model")
            failure = Code.RESOURCE_EXHAUSTED, "Not enough memory for this request"
        except Exception as error:
            log.exception("Internal error in a %s request", kind or "model")
            failure = Code.INTERNAL, f"Internal error: {type(error).__name__}"
        else:
            if kind:
                self._count(method, seen, Code.OK, began)
                requests = self._request_log
                if requests is not None and requests.active and requests.wants(seen.model):
                    asyncio.get_running_loop().call_soon(
                        requests.add, kind, seen.model, seen.version, data, answer
                    )
            return answer, None
        self._count(method, seen, failure[0], began)
        return None, failure

    def _count(self, method: Method, seen: Seen, code: Code, began: float) -> None:
        metrics, kind = self._metrics, method.kind
        if metrics is None or not kind:
            return
        microseconds = (perf_counter() - began) * 1e6
        if method.api:
            metrics.request(seen.model, method.api, "GRPC", code, microseconds)
        if seen.version is not None:
            metrics.version_request(seen.model, seen.version, seen.signature, kind, code, microseconds)


def shortened(message: str) -> str:
    """Returns a status's text; over 1,024 bytes it is cut as in TF Serving."""
    encoded = message.encode(errors="replace")
    if len(encoded) <= _LONGEST_MESSAGE:
        return message
    return encoded[:_LONGEST_MESSAGE].decode(errors="ignore") + "...TRUNCATED"


def addresses(options: Options) -> Sequence[str]:
    """Returns where gRPC listens: ``host:port`` and ``unix:path``."""
    found = [options.grpc_address] if options.port else []
    if options.grpc_socket_path:
        found.append(f"unix:{options.grpc_socket_path}")
    return found
