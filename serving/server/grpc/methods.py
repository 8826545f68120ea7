"""The methods of the gRPC front end: add deadlines, status codes, metrics and the request log to the calls."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.contract import Target
from serving.experiments.plane import model_spec
from serving.server.arms.arms import Done, too_late
from serving.server.grpc.seen import Seen
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from serving.http2.call import Metadata
    from serving.server.arms.arms import Arms
    from serving.server.config.options import Options
    from serving.server.grpc.calls import Calls

    Answering = Callable[[bytes, Seen, int | None], Awaitable[bytes]]

log = logging.getLogger(__name__)
PREDICTION_SERVICE: Final = "tensorflow.serving.PredictionService"
MODEL_SERVICE: Final = "tensorflow.serving.ModelService"
_API: Final = "grpc"
_METADATA: Final = "metadata"
_STATUS: Final = "status"
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
        asks: What experiments call it; empty means that they have nothing to do with it.
    """

    service: str
    name: str
    call: Answering
    api: str = ""
    kind: str = ""
    asks: str = ""


@dataclass(slots=True)
class Answered:
    """What a call ended with.

    Attributes:
        message: The answer; None if it failed.
        code: The status.
        text: The status's text.
        trailing: Trailing metadata.
    """

    message: bytes | None
    code: Code = Code.OK
    text: str = ""
    trailing: Metadata = ()


def methods_of(calls: Calls) -> list[Method]:
    """Returns the methods of TF Serving's services."""
    return [
        Method(PREDICTION_SERVICE, "Predict", calls.predict, "Predict", "predict", "predict"),
        Method(PREDICTION_SERVICE, "Classify", calls.classify, "Classify", "classify", "classify"),
        Method(PREDICTION_SERVICE, "Regress", calls.regress, "Regress", "regress", "regress"),
        Method(PREDICTION_SERVICE, "MultiInference", calls.multi_inference, "", *2 * ("multi_inference",)),
        Method(PREDICTION_SERVICE, "GetModelMetadata", calls.metadata, asks=_METADATA),
        Method(MODEL_SERVICE, "GetModelStatus", calls.status, asks=_STATUS),
        Method(MODEL_SERVICE, "HandleReloadConfigRequest", calls.reload),
    ]


class Front:
    """What every call gets, whatever the transport.

    Args:
        metrics: Counts requests, if given.
        request_log: Logs samples of requests, if given.
        arms: The experiments, if there are any.
    """

    def __init__(self, metrics: Any, request_log: Any, arms: Arms | None = None) -> None:
        self._metrics = metrics
        self._request_log = request_log
        self._arms = arms

    async def answer(
        self, method: Method, data: bytes, remaining: float | None, metadata: Metadata = ()
    ) -> Answered:
        """Answers a call; raises only when it is cancelled.

        Args:
            method: The method.
            data: The request.
            remaining: How long its client waits, in seconds; None means any time.
            metadata: The call's metadata.
        """
        if self._arms is not None and method.asks:
            return await self._with_arms(self._arms, method, data, remaining, metadata)
        return await self._answer(method, data, remaining, Seen())

    async def _answer(self, method: Method, data: bytes, remaining: float | None, seen: Seen) -> Answered:
        began = perf_counter()
        timeout_ms = None if remaining is None else max(1, int(remaining * 1000))
        kind = method.kind
        try:
            answer = await method.call(data, seen, timeout_ms)
        except ServingError as error:
            failure = Answered(None, error.code, shortened(error.message))
        except MemoryError:
            log.exception("There is not enough memory for a %s request", kind or "model")
            failure = Answered(None, Code.RESOURCE_EXHAUSTED, "Not enough memory for this request")
        except Exception as error:
            log.exception("Internal error in a %s request", kind or "model")
            failure = Answered(None, Code.INTERNAL, f"Internal error: {type(error).__name__}")
        else:
            if kind:
                self._count(method, seen, Code.OK, began)
                requests = self._request_log
                if requests is not None and requests.active and requests.wants(seen.model):
                    asyncio.get_running_loop().call_soon(
                        requests.add, kind, seen.model, seen.version, data, answer
                    )
            return Answered(answer)
        self._count(method, seen, failure.code, began)
        return failure

    async def _with_arms(
        self, arms: Arms, method: Method, data: bytes, remaining: float | None, metadata: Metadata
    ) -> Answered:
        """Answers a call by its arm, if an experiment on its model is running and it names no version itself."""
        try:
            spec = model_spec.read(method.asks, data)
            route = None if spec.chosen else arms.route(spec.name)
        except model_spec.UnreadableError:
            route = None
        if route is None:
            return await self._answer(method, data, remaining, Seen())
        if not method.kind:
            # All versions of a model are listed in its status.
            control = Target(route.control.model) if method.asks == _STATUS else route.control
            return await self._answer(
                method, model_spec.merged(method.asks, data, control), remaining, Seen()
            )
        call = arms.begin(route, _API, method.asks, metadata, data)
        if call is None:
            return await self._answer(method, data, remaining, Seen())
        choice = call.choice
        assert choice is not None
        if arms.is_plain(call):
            # Nearly all of them: without the frames of what may happen to the others.
            seen, target, hang = Seen(), choice.target, route.hang
            merged = model_spec.merged(method.asks, data, target)
            try:
                answered = await arms.within(hang, self._answer(method, merged, remaining, seen))
            except TimeoutError:
                answered = Answered(None, Code.DEADLINE_EXCEEDED, too_late(hang))
            except asyncio.CancelledError:
                call.answered(Code.CANCELLED, b"", target)
                raise
            call.answered(answered.code, answered.message or b"", target, seen.version)
            answered.trailing = tuple(call.headers())
            return answered
        began = perf_counter()

        async def ask(target: Target, seconds: float | None) -> Done:
            left = None if remaining is None else remaining - (perf_counter() - began)
            seen = Seen()
            merged = model_spec.merged(method.asks, data, target)
            try:
                answered = await arms.within(seconds, self._answer(method, merged, left, seen))
            except TimeoutError:
                return Done(Code.DEADLINE_EXCEEDED, text=too_late(seconds))
            return Done(answered.code, answered.message or b"", seen.version, answered.text)

        done = await arms.run(call, ask)
        trailing = tuple(call.headers())
        if done.code is Code.OK:
            return Answered(done.body, trailing=trailing)
        return Answered(None, done.code, done.text, trailing)

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
