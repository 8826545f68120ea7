"""One client for every TF Serving: the real one, ours, and a router in front of either."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from foundation.saved_model import DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE
from serving.client.address import Tls, parse_address
from serving.client.errors import AnswerError, InputError, RefusedError
from serving.client.inputs.examples import Example, Row, example
from serving.client.inputs.examples import examples as examples_of
from serving.client.inputs.prepare import build_tensors, check_outputs
from serving.client.model import (
    ModelMetadata,
    ModelStatus,
    Target,
)
from serving.client.ready import wait
from serving.client.reload import ModelConfig, serialized_config
from serving.client.results import Classification, Prediction, Regression, Task
from serving.client.retry import Deadline, Retries, call
from serving.client.transport import Prepared, Transport

T = TypeVar("T")
_UNSET: Any = object()


class Client:
    """A client of one server, by REST or gRPC as the address says; calls and results are the same.

    A client may be used by many threads at once, and is meant to be kept: it holds connections and what models say
    about themselves. Use it in a ``with`` block, or call ``close``.

    Args:
        address: ``http://host:8501``, ``https://host``, ``grpc://host:8500``, ``grpcs://host`` or ``unix:///socket``.
        timeout: Seconds for a call with all its retries, where the call gives none; None waits without end.
        retries: How often and how a call that failed with UNAVAILABLE is tried again; a number means that often.
        tls: Files for ``https`` and ``grpcs``.
        headers: Sent with every call, as HTTP headers or gRPC metadata: what a gateway or a router asks for.
        metadata_seconds: How long signatures are believed before they are asked for again. A new version with other
            signatures is noticed before that where the old ones no longer fit.
        channel_options: More gRPC channel options; not for REST.
        transport: Another way to the server, instead of the address's own.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float | None = 30.0,
        retries: Retries | int = 3,
        tls: Tls | None = None,
        headers: Mapping[str, str] | None = None,
        metadata_seconds: float = 60.0,
        channel_options: Mapping[str, str | int] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._retries = Retries(retries) if isinstance(retries, int) else retries
        self._transport = transport or _transport(address, tls or Tls(), headers or {}, channel_options)
        self._metadata_seconds = metadata_seconds
        self._known: dict[Target, tuple[float, ModelMetadata]] = {}
        self._lock = threading.Lock()

    def predict(
        self,
        model: str,
        inputs: Any,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
        fill_missing: bool | None = None,
        timeout: float | None = _UNSET,
    ) -> Prediction:
        """Runs a signature.

        Args:
            model: The model's name.
            inputs: A mapping of input name to the whole tensor; a list of mappings, one for each row; or, where the
                signature has one input, just its tensor. Where that one input takes serialized ``tf.Example``s, a
                mapping or list of mappings of *features* is turned into them.
            version: This version; None means the latest.
            label: The version that bears this label.
            signature: The signature's name.
            outputs: Only these outputs; none means all.
            fill_missing: Whether None, inputs left out and rows of unequal length become the marks that Penstock's
                models read as "missing". None: where the model is such a one.
            timeout: Seconds for this call with all its retries.

        Raises:
            InputError: The values do not fit the signature.
            CallError: The call failed; its kind says how.
        """
        target = Target(model, version, label)
        deadline = self._deadline(timeout)

        def run(metadata: ModelMetadata) -> Prediction:
            chosen = metadata.signature(signature)
            check_outputs(chosen, outputs, f"{target}")
            tensors = build_tensors(metadata, chosen, inputs, f"{target}", fill_missing)
            answer = self._call(
                lambda left: self._transport.predict(target, chosen, tensors, outputs, left), deadline, target
            )
            if answer.version not in (None, metadata.version):  # a newer one: its signatures may be others
                self._forget(target)
            return answer

        return self._with_metadata(target, deadline, run)

    def prepare(
        self,
        model: str,
        inputs: Any,
        *,
        signature: str = DEFAULT_SIGNATURE,
        fill_missing: bool | None = None,
        timeout: float | None = _UNSET,
    ) -> Prepared:
        """Makes a predict request to be sent as often as wanted, by itself: no retries, no conversion.

        The arguments are those of ``predict``; the time limit is for asking for the model's signatures.
        """
        target = Target(model)
        metadata = self._fresh(target) or self._ask_metadata(target, self._deadline(timeout))
        chosen = metadata.signature(signature)
        tensors = build_tensors(metadata, chosen, inputs, f"{target}", fill_missing)
        return self._transport.prepare(target, chosen, tensors, ())

    def predict_examples(
        self,
        model: str,
        rows: Row | Iterable[Row],
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = EXAMPLES_SIGNATURE,
        outputs: Sequence[str] = (),
        timeout: float | None = _UNSET,
    ) -> Prediction:
        """Runs a signature that takes serialized ``tf.Example``s, made from rows of features.

        A value that is missing is None or left out. The other arguments are those of ``predict``.
        """
        given = [rows] if isinstance(rows, Mapping) else list(rows)
        return self.predict(
            model, given, version=version, label=label, signature=signature, outputs=outputs, timeout=timeout
        )

    def classify(
        self,
        model: str,
        examples: Row | Iterable[Row],
        *,
        context: Row | None = None,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
        timeout: float | None = _UNSET,
    ) -> Classification:
        """Classifies rows of features.

        Args:
            model: The model's name.
            examples: One row, or several: feature name → value or list of values. Write ``2.0`` for a float feature.
            context: Features that all rows share.
            version: This version; None means the latest.
            label: The version that bears this label.
            signature: The signature's name; empty means ``serving_default``.
            timeout: Seconds for this call with all its retries.

        Raises:
            InputError: A value that no feature can hold.
            CallError: The call failed; its kind says how.
        """
        target = Target(model, version, label)
        return self._infer(self._transport.classify, target, signature, examples, context, timeout)

    def regress(
        self,
        model: str,
        examples: Row | Iterable[Row],
        *,
        context: Row | None = None,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
        timeout: float | None = _UNSET,
    ) -> Regression:
        """Gives a number for each row of features; the arguments are those of ``classify``."""
        target = Target(model, version, label)
        return self._infer(self._transport.regress, target, signature, examples, context, timeout)

    def multi_inference(
        self,
        model: str,
        examples: Row | Iterable[Row],
        tasks: Sequence[Task],
        *,
        context: Row | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = _UNSET,
    ) -> tuple[Classification | Regression, ...]:
        """Runs several classify and regress signatures over the same rows, in one call; gRPC only.

        Returns:
            A result for each task, in their order.

        Raises:
            UnsupportedError: The client speaks REST, which has no such call.
        """
        target = Target(model, version, label)
        return self._infer(self._transport.multi_inference, target, tasks, examples, context, timeout)

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = _UNSET,
    ) -> ModelMetadata:
        """Asks for a model's signatures."""
        return self._ask_metadata(Target(model, version, label), self._deadline(timeout))

    def status(
        self, model: str, *, version: int | None = None, timeout: float | None = _UNSET
    ) -> ModelStatus:
        """Asks for the states of a model's versions."""
        target = Target(model, version)
        return self._call(lambda left: self._transport.status(target, left), self._deadline(timeout), target)

    def reload_config(
        self, config: str | Path | Sequence[ModelConfig], *, timeout: float | None = _UNSET
    ) -> None:
        """Gives the server a new list of models: the whole truth, what is not in it is unloaded; gRPC only.

        Args:
            config: The models; or the text of a model configuration file, or its path.
            timeout: Seconds; the server answers when every new model has a version that answers.

        Raises:
            InputError: The text is not a model configuration.
            RefusedError: The server refuses it, and goes on with the old one.
            UnsupportedError: The client speaks REST, which has no such call.
        """
        packed = serialized_config(config)
        self._call(lambda left: self._transport.reload_config(packed, left), self._deadline(timeout), None)

    def wait_until_ready(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 60.0,
        every: float = 0.1,
    ) -> int:
        """Waits until a model answers requests.

        Args:
            model: The model's name.
            version: This version; None means any.
            label: The version that bears this label.
            timeout: Seconds to wait.
            every: Seconds between two looks.

        Returns:
            The version that answers.

        Raises:
            CallError: The version that was named has ended in an error, and will not come by itself.
            DeadlineError: The model was not ready in time; the message says what was seen last.
        """
        return wait(self._transport, Target(model, version, label), self._deadline(timeout), every)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _infer(
        self,
        ask: Callable[..., T],
        target: Target,
        what: str | Sequence[Task],
        examples: Row | Iterable[Row],
        context: Row | None,
        timeout: float | None,
    ) -> T:
        """Sends rows of features to a signature, or to those of several tasks."""
        made, shared = examples_of(examples), _context(context)
        return self._call(lambda left: ask(target, what, made, shared, left), self._deadline(timeout), target)

    def _with_metadata(self, target: Target, deadline: Deadline, run: Callable[[ModelMetadata], T]) -> T:
        """Runs with the signatures that are known; again, once, when they are no longer those of the model."""
        known = self._fresh(target)
        if known is None:
            return run(self._ask_metadata(target, deadline))
        try:
            return run(known)
        except (InputError, AnswerError, RefusedError):
            newer = self._ask_metadata(target, deadline)
            if newer == known:
                raise
        return run(newer)

    def _fresh(self, target: Target) -> ModelMetadata | None:
        with self._lock:
            at, known = self._known.get(target, (0.0, None))
        return known if known is not None and time.monotonic() - at < self._metadata_seconds else None

    def _forget(self, target: Target) -> None:
        with self._lock:
            self._known.pop(target, None)

    def _ask_metadata(self, target: Target, deadline: Deadline) -> ModelMetadata:
        found = self._call(lambda left: self._transport.metadata(target, left), deadline, target)
        with self._lock:
            self._known[target] = (time.monotonic(), found)
        return found

    def _call(self, attempt: Callable[[float], T], deadline: Deadline, target: Target | None) -> T:
        return call(attempt, deadline, self._retries, str(target or ""))

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is _UNSET else timeout)


def _transport(
    address: str, tls: Tls, headers: Mapping[str, str], options: Mapping[str, str | int] | None
) -> Transport:
    where = parse_address(address)
    if where.rest:
        from serving.client.rest.transport import RestTransport

        if options:
            raise InputError("channel_options", expected="a gRPC address", seen=address)
        return RestTransport(where, tls, headers)
    from serving.client.grpc.transport import GrpcTransport

    return GrpcTransport(where, tls, headers, options)


def _context(row: Row | None) -> Example | None:
    return None if row is None else example(row)
