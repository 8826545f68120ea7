"""The REST API: takes a request's parts, returns an answer. HTTP itself is left to the caller."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from foundation.saved_model import DEFAULT_SIGNATURE
from serving.codes import http_status
from serving.http.budget import Budget, default_bytes
from serving.http.handler import JSON, Answer
from serving.server.rest import predict_request, response_json, server_json
from serving.server.rest.example_request import examples
from serving.server.rest.health import Health
from serving.server.rest.inflate import inflated
from serving.server.rest.paths import Route, is_api, route
from serving.server.rest.work import TooLargeError, Work, invalid_surrogate, occurs
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.config.options import Options
    from serving.server.metrics import Metrics
    from serving.server.models.manager import Lease, ModelManager
    from serving.server.request_log import RequestLog

log = logging.getLogger(__name__)
_T = TypeVar("_T")

OFF_LOOP_BYTES: Final = 64 * 1024
"""Bodies and answers larger than this are read and written in a thread, so that they do not delay others."""
_OFF_LOOP_VALUES: Final = OFF_LOOP_BYTES // 16
_NOT_FOUND: Final = (
    b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
)


@dataclass(slots=True)
class Seen:
    """What is known about a request when it is counted."""

    code: Code = Code.OK

    model: str = ""
    api: str = ""
    version: int | None = None
    signature: str = ""


class RestApi:
    """The handler of TF Serving's REST API.

    Args:
        inference: Runs models.
        manager: Knows the models.
        options: The server's options.
        metrics: Counts requests.
        request_log: Logs samples of requests.
        budget: What inflated and parsed bodies take their memory from; None means a default one of its own.
    """

    def __init__(
        self,
        inference: Any,
        manager: ModelManager,
        options: Options,
        metrics: Metrics,
        request_log: RequestLog,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget or Budget(default_bytes())
        self._inference = inference
        self._manager = manager
        self._metrics = metrics
        self._request_log = request_log
        self._timeout_ms = options.rest_api_timeout_in_ms
        self._cors = options.rest_api_enable_cors_support
        self._monitoring_path = options.monitoring_path
        self._body_limit = options.rest_api_max_body_bytes
        self._threads = ThreadPoolExecutor(2, "rest-json")
        self._health = Health(manager)

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Answers a request, as a ``Handler`` does."""
        return await self.answer(method, target, headers, body, Seen())

    async def answer(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes, seen: Seen
    ) -> Answer:
        """Answers a request, and notes what is known about it."""
        if target == self._monitoring_path or not is_api(target):
            return await self._beside_the_api(method, target)
        began = time.perf_counter_ns()
        code = Code.OK
        try:
            if method == "OPTIONS" and _has_origin(headers):
                content = b""
            else:
                content = await self._answer(method, target, headers, body, seen)
            status = 200
        except ServingError as error:
            code, content = error.code, response_json.error(error.message)
            status = 413 if isinstance(error, TooLargeError) else http_status(error.code)
        except UnicodeEncodeError:
            code, status = Code.INVALID_ARGUMENT, 400
            content = response_json.error(invalid_surrogate().message)
        except asyncio.CancelledError:
            self._count(seen, Code.CANCELLED, (time.perf_counter_ns() - began) / 1000)
            raise
        except Exception:  # noqa: BLE001  (the client gets one line, the log gets the rest)
            code, status, content = Code.INTERNAL, 500, _unexpected(method, target)
        seen.code = code
        self._count(seen, code, (time.perf_counter_ns() - began) / 1000)
        return Answer(status, content, JSON, self._cors)

    def refusal(self, status: int, text: str) -> Answer:
        """Returns the answer to a request that cannot be read."""
        return Answer(status, response_json.error(text))

    def drain(self) -> None:
        """Reports the server as not ready from now on."""
        self._health.draining = True

    def close(self) -> None:
        """Stops the threads."""
        self._threads.shutdown(wait=False)

    async def _beside_the_api(self, method: str, target: str) -> Answer:
        """Answers metrics and health requests; everything else is not found."""
        try:
            if target == self._monitoring_path:
                return Answer(200, await self._metrics.full_page(), b"text/plain")
            return self._health.answer(method, target) or Answer(404, _NOT_FOUND, b"text/html")
        except Exception:  # noqa: BLE001
            return Answer(500, _unexpected(method, target))

    async def _answer(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes, seen: Seen
    ) -> bytes:
        wanted = route(method, target)
        seen.model = wanted.spec.name
        if wanted.call == "status":
            return server_json.model_status(self._manager.statuses(wanted.spec.name, wanted.spec.version))
        if wanted.call == "metadata":
            with self._manager.acquire(wanted.spec) as lease:
                return server_json.model_metadata(wanted.spec.name, lease.version, lease.servable.metadata)
        seen.api = wanted.call
        deadline = time.monotonic() + self._timeout_ms / 1000 if self._timeout_ms else None
        work = Work(self._budget, deadline, len(body))
        with work.share:
            plain: bytes | bytearray = body
            for header, value in headers:
                if header == b"content-encoding" and b"gzip" in value:
                    plain = await self._in_thread(work, inflated, body, self._body_limit)
            if wanted.call == "predict":
                return await self._predict(wanted, plain, seen, work)
            return await self._examples(wanted, plain, seen, work)

    async def _predict(self, wanted: Route, body: bytes | bytearray, seen: Seen, work: Work) -> bytes:
        if len(body) > OFF_LOOP_BYTES:
            lease, inputs = await self._in_thread(
                work, self._read_predict, wanted, body, seen, lost=_give_back
            )
        else:
            lease, inputs = self._read_predict(wanted, body, seen)
        with lease:
            result = await self._inference.predict(lease, seen.signature, inputs.arrays, (), self._timeout_ms)
        outputs = result.outputs
        write = response_json.predictions if inputs.rows else response_json.columns
        if sum(array.size for array in outputs.values()) > _OFF_LOOP_VALUES:
            content = await self._in_thread(work, write, outputs)
        else:
            content = write(outputs)
        if self._request_log.active and self._request_log.wants(seen.model):
            self._after_the_answer(
                self._request_log.add_predict,
                seen.model,
                lease.version,
                seen.signature,
                inputs.arrays,
                outputs,
            )
        return content

    def _read_predict(
        self, wanted: Route, body: bytes | bytearray, seen: Seen
    ) -> tuple[Lease, predict_request.Inputs]:
        """Reads a body for the version it addresses."""
        document = predict_request.parse_object(body)
        name = predict_request.signature_name(document)
        lease = self._manager.acquire(wanted.spec)
        try:
            seen.version = lease.version
            seen.signature = name or DEFAULT_SIGNATURE
            signature = lease.servable.signatures.get(seen.signature)
            if signature is None:
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f'Serving signature name: "{seen.signature}" not found in signature def',
                )
            bools = occurs(body, b"true") or occurs(body, b"false")
            return lease, predict_request.inputs(document, signature, bools)
        except BaseException:
            lease.release()
            raise

    async def _examples(self, wanted: Route, body: bytes | bytearray, seen: Seen, work: Work) -> bytes:
        if len(body) > OFF_LOOP_BYTES:
            name, serialized = await self._in_thread(work, _read_examples, body)
        else:
            name, serialized = _read_examples(body)
        with self._manager.acquire(wanted.spec) as lease:
            seen.version, seen.signature = lease.version, name or DEFAULT_SIGNATURE
            if wanted.call == "classify":
                results = await self._inference.classify(lease, name, serialized, self._timeout_ms)
                content = response_json.classifications(results)
            else:
                results = await self._inference.regress(lease, name, serialized, self._timeout_ms)
                content = response_json.regressions(results)
        if self._request_log.active and self._request_log.wants(seen.model):
            self._after_the_answer(
                self._request_log.add_examples,
                wanted.call,
                seen.model,
                lease.version,
                seen.signature,
                serialized,
                results,
            )
        return content

    def _after_the_answer(self, function: Callable[..., None], *args: Any) -> None:
        """Calls a function once this request's task has written its answer."""
        asyncio.get_running_loop().call_soon(function, *args)

    async def _in_thread(
        self, work: Work, function: Callable[..., _T], *args: Any, lost: Callable[[_T], None] | None = None
    ) -> _T:
        """Calls a function that would block the loop.

        Args:
            work: What the function is part of; it is given up if nobody waits any more.
            function: The function.
            *args: Its arguments.
            lost: Takes a result that came too late.

        Raises:
            ServingError: The function raised it.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, work.run, function, *args)
        try:
            result, error = await asyncio.shield(running)
        except asyncio.CancelledError:
            work.give_up()
            if lost is not None:
                running.add_done_callback(partial(_take_lost, lost))
            raise
        finally:
            # An error knows this frame by its traceback: as long as the frame knows the error, or a future that does, all
            # of it, with the request's body, would stay until the garbage collector comes by.
            del running
        try:
            if error is not None:
                raise error
            return result
        finally:
            del error

    def _count(self, seen: Seen, code: Code, microseconds: float) -> None:
        self._metrics.request(seen.model, seen.api, "REST", code, microseconds)
        if seen.version is not None:
            self._metrics.version_request(
                seen.model, seen.version, seen.signature, seen.api, code, microseconds
            )


def _read_examples(body: bytes | bytearray) -> tuple[str, list[bytes]]:
    """Returns the signature and the serialized examples of a classify or regress body."""
    document = predict_request.parse_object(body)
    return predict_request.signature_name(document), examples(document)


def _take_lost(take: Callable[[Any], None], running: asyncio.Future[Any]) -> None:
    """Hands over what a thread made for a client that is gone."""
    if not running.cancelled() and running.exception() is None:
        result, error = running.result()
        if error is None:
            take(result)


def _give_back(read: tuple[Lease, predict_request.Inputs]) -> None:
    """Releases the lease that a reader took."""
    read[0].release()


def _unexpected(method: str, target: str) -> bytes:
    """Logs the current exception; the client is referred to the log."""
    log.exception("%s %s failed inside the server", method, target[:256])
    return response_json.error("Internal error; see the server's log.")


def _has_origin(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"origin" and (b"http://" in value or b"https://" in value) for name, value in headers)
