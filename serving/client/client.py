"""One client for the real TF Serving, for ours, and for a router in front of either."""

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
from serving.client.rewards import Receipt, RewardChannel, reward_of
from serving.client.transport import Prepared, Transport
from serving.client.units import checked_unit
from serving.headers import UNIT

T = TypeVar("T")
Answer = Prediction | Classification | Regression
_UNSET: Any = object()


class Client:
    """A client of one server. The address chooses REST or gRPC; calls and results are the same.

    A client is thread-safe and meant to be reused: it keeps connections and model metadata. Use it in a ``with``
    block, or call ``close``.

    Args:
        address: ``http://host:8501``, ``https://host``, ``grpc://host:8500``, ``grpcs://host`` or ``unix:///socket``.
        timeout: Default limit in seconds for a call with all its retries; None means no limit.
        retries: How calls that fail with UNAVAILABLE are retried, or just the number of retries.
        tls: Files for ``https`` and ``grpcs``.
        headers: Sent with every call, as HTTP headers or gRPC metadata, for a gateway or router.
        unit_header: The header or metadata key that carries ``unit``; what the experiment's document names.
        rewards: Where rewards go, if not to ``address``: the REST address of the router or server.
        reward_token: The token for rewards, if the experiments' document asks for one.
        metadata_seconds: How long signatures are cached. They are fetched again earlier when a new version no longer
            accepts the cached ones.
        channel_options: Additional gRPC channel options; not for REST.
        transport: Replaces the transport that the address implies.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float | None = 30.0,
        retries: Retries | int = 3,
        tls: Tls | None = None,
        headers: Mapping[str, str] | None = None,
        unit_header: str = UNIT,
        rewards: str | None = None,
        reward_token: str | None = None,
        metadata_seconds: float = 60.0,
        channel_options: Mapping[str, str | int] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._retries = Retries(retries) if isinstance(retries, int) else retries
        self._transport = transport or _transport(address, tls or Tls(), headers or {}, channel_options)
        self._unit_header = unit_header
        self._open_rewards = lambda: RewardChannel(
            rewards or address, tls or Tls(), headers or {}, reward_token
        )
        self._rewards: RewardChannel | None = None
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
        unit: str | None = None,
        timeout: float | None = _UNSET,
    ) -> Prediction:
        """Runs a signature.

        Args:
            model: The model's name.
            inputs: A mapping of input name to the whole tensor; a list of mappings, one for each row; or, if the
                signature has one input, just its tensor. If that one input takes serialized ``tf.Example``s, they
                are built from a mapping or a list of mappings of *features*.
            version: The version to use; None means the latest.
            label: Use the version with this label.
            signature: The signature's name.
            outputs: The outputs to return; empty means all.
            fill_missing: Whether None, omitted inputs and rows of unequal length become the marks that Penstock's
                models read as "missing". None means: only for such models.
            unit: Who the answer is for, such as a user's id: in an experiment the same unit gets the same arm.
            timeout: Limit in seconds for this call with all its retries.

        Raises:
            InputError: The values do not fit the signature.
            CallError: The call failed; the subclass says how.
        """
        target = Target(model, version, label, self._caller(unit))
        deadline = self._deadline(timeout)

        def run(metadata: ModelMetadata) -> Prediction:
            chosen = metadata.signature(signature)
            check_outputs(chosen, outputs, f"{target}")
            tensors = build_tensors(metadata, chosen, inputs, f"{target}", fill_missing)
            answer = self._call(
                lambda left: self._transport.predict(target, chosen, tensors, outputs, left), deadline, target
            )
            if answer.version not in (None, metadata.version):  # a newer version may have other signatures
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
        """Prepares a predict request that can be sent repeatedly, without retries or conversion.

        Arguments are those of ``predict``; the time limit applies to fetching the model's signatures.
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
        unit: str | None = None,
        timeout: float | None = _UNSET,
    ) -> Prediction:
        """Runs a signature that takes serialized ``tf.Example``s, made from rows of features.

        A missing value is None or omitted. The other arguments are those of ``predict``.
        """
        given = [rows] if isinstance(rows, Mapping) else list(rows)
        return self.predict(
            model,
            given,
            version=version,
            label=label,
            signature=signature,
            outputs=outputs,
            unit=unit,
            timeout=timeout,
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
        unit: str | None = None,
        timeout: float | None = _UNSET,
    ) -> Classification:
        """Classifies rows of features.

        Args:
            model: The model's name.
            examples: One row or several: feature name → value or list of values. Write ``2.0`` for a float feature.
            context: Features that all rows share.
            version: The version to use; None means the latest.
            label: Use the version with this label.
            signature: The signature's name; empty means ``serving_default``.
            unit: Who the answer is for, such as a user's id: in an experiment the same unit gets the same arm.
            timeout: Limit in seconds for this call with all its retries.

        Raises:
            InputError: No feature can hold a value.
            CallError: The call failed; the subclass says how.
        """
        target = Target(model, version, label, self._caller(unit))
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
        unit: str | None = None,
        timeout: float | None = _UNSET,
    ) -> Regression:
        """Returns a number for each row of features; the arguments are those of ``classify``."""
        target = Target(model, version, label, self._caller(unit))
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
        unit: str | None = None,
        timeout: float | None = _UNSET,
    ) -> tuple[Classification | Regression, ...]:
        """Runs several classify and regress signatures over the same rows, in one call; gRPC only.

        Returns:
            A result for each task, in order.

        Raises:
            UnsupportedError: The client uses REST, which has no such call.
        """
        target = Target(model, version, label, self._caller(unit))
        return self._infer(self._transport.multi_inference, target, tasks, examples, context, timeout)

    def reward(
        self,
        about: Answer | str,
        value: float,
        *,
        unit: str | None = None,
        request_id: str | None = None,
        metric: str = "",
        timeout: float | None = _UNSET,
    ) -> Receipt:
        """Tells an experiment what became of a request or a unit.

        Args:
            about: The answer that a call returned; or the experiment's name, with ``unit`` or ``request_id``.
            value: The reward: a number, or True and False for 1 and 0.
            unit: The unit that it is about, as it was given to the call.
            request_id: The request that it is about: ``answer.arm.request_id``.
            metric: The metric; empty means the experiment's own.
            timeout: Limit in seconds for this call with all its retries.

        Returns:
            Whether it counts, and if not, why. An answer that took part in no experiment has no reward to give.

        Raises:
            InputError: The value is no number, or it is not clear whom it is about.
            CallError: The call failed; it may be repeated, as a reward counts once.
        """
        arm = about if isinstance(about, str) else about.arm
        if arm is None:
            return Receipt("no experiment")
        reward = reward_of(arm, value, unit, request_id, metric)
        with self._lock:
            channel = self._rewards = self._rewards or self._open_rewards()
        return self._call(lambda left: channel.send(reward, left), self._deadline(timeout), None)

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = _UNSET,
    ) -> ModelMetadata:
        """Fetches a model's signatures."""
        return self._ask_metadata(Target(model, version, label), self._deadline(timeout))

    def status(
        self, model: str, *, version: int | None = None, timeout: float | None = _UNSET
    ) -> ModelStatus:
        """Fetches the states of a model's versions."""
        target = Target(model, version)
        return self._call(lambda left: self._transport.status(target, left), self._deadline(timeout), target)

    def reload_config(
        self, config: str | Path | Sequence[ModelConfig], *, timeout: float | None = _UNSET
    ) -> None:
        """Replaces the server's list of models; models not in it are unloaded; gRPC only.

        Args:
            config: The models; or the text of a model configuration file, or its path.
            timeout: Limit in seconds; the server answers once every new model has an available version.

        Raises:
            InputError: The text is not a model configuration.
            RefusedError: The server refuses it and keeps the old list.
            UnsupportedError: The client uses REST, which has no such call.
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
            version: The version to wait for; None means any.
            label: Use the version with this label.
            timeout: Limit in seconds.
            every: Seconds between checks.

        Returns:
            The available version.

        Raises:
            CallError: The requested version failed; the server will not retry it.
            DeadlineError: The model was not ready in time; the message says what was last seen.
        """
        return wait(self._transport, Target(model, version, label), self._deadline(timeout), every)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()
        if self._rewards is not None:
            self._rewards.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _caller(self, unit: str | None) -> dict[str, str]:
        return {} if unit is None else {self._unit_header: checked_unit(unit)}

    def _infer(
        self,
        ask: Callable[..., T],
        target: Target,
        what: str | Sequence[Task],
        examples: Row | Iterable[Row],
        context: Row | None,
        timeout: float | None,
    ) -> T:
        """Sends rows of features to one signature, or to those of several tasks."""
        made, shared = examples_of(examples), _context(context)
        return self._call(lambda left: ask(target, what, made, shared, left), self._deadline(timeout), target)

    def _with_metadata(self, target: Target, deadline: Deadline, run: Callable[[ModelMetadata], T]) -> T:
        """Runs with the cached signatures, and once more with fresh ones if the model's have changed."""
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
