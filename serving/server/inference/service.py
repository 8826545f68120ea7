"""The service behind both front ends: finds the signature, checks the inputs and runs the session."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from serving.server.inference import examples as example_calls
from serving.server.inference import multi_inference, predict
from serving.server.inference.predict import CLASSIFY, REGRESS, PredictResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from serving.server.config.options import Options
    from serving.server.engine.execution import Execution
    from serving.server.engine.servable import Servable
    from serving.server.engine.signature import Signature
    from serving.server.inference.examples import Classifications
    from serving.server.inference.multi_inference import Task, TaskResult
    from serving.server.models.manager import Lease, ModelManager


class Observer(Protocol):
    """Receives inference's metrics."""

    def runtime(self, model: str, api: str, microseconds: float) -> None:
        """Records how long a session run took."""

    def examples(self, model: str, count: int) -> None:
        """Records how many examples a request had."""


class Inference:
    """Inference for requests of any protocol.

    Args:
        manager: Leases versions.
        execution: Runs sessions.
        options: The server's options.
        observer: Notified of runs and examples, if given.
    """

    def __init__(
        self,
        manager: ModelManager,
        execution: Execution,
        options: Options,
        observer: Observer | None = None,
    ) -> None:
        self.manager = manager
        self.execution = execution
        self._checks_method = options.enable_signature_method_name_check
        self._observer = observer

    def signature(self, servable: Servable, name: str) -> Signature:
        """Returns the signature of a Predict request.

        Raises:
            ServingError: FAILED_PRECONDITION if there is none; INTERNAL if its method cannot be predicted.
        """
        found = predict.find_signature(servable.signatures, name)
        if self._checks_method:
            predict.check_method(found)
        return found

    async def predict(
        self,
        lease: Lease,
        signature_name: str,
        inputs: Mapping[str, Any],
        output_filter: Sequence[str] = (),
        timeout_ms: int | None = None,
        decode: Callable[[Any], np.ndarray] | None = None,
    ) -> PredictResult:
        """Answers Predict.

        Args:
            lease: The version.
            signature_name: Empty means ``serving_default``.
            inputs: The request's inputs, by alias.
            output_filter: The outputs to compute; empty means all.
            timeout_ms: The time limit of the run.
            decode: Decodes an input to an array; None: inputs are arrays.

        Returns:
            The signature and the outputs.

        Raises:
            ServingError: The request does not fit the signature, or the run failed.
        """
        servable: Servable = lease.servable
        signature = self.signature(servable, signature_name)
        feeds = predict.feeds(signature, inputs, decode)
        aliases = predict.outputs(signature, output_filter)
        values = await self._run("Predict", servable, signature, feeds, aliases, timeout_ms)
        return PredictResult(signature, dict(zip(aliases, values, strict=True)))

    async def classify(
        self, lease: Lease, signature_name: str, examples: Sequence[bytes], timeout_ms: int | None = None
    ) -> Classifications:
        """Answers Classify.

        Args:
            lease: The version.
            signature_name: Empty means ``serving_default``.
            examples: Serialized ``tf.Example`` messages.
            timeout_ms: The time limit of the run.

        Returns:
            The label and score of each class of each example.

        Raises:
            ServingError: The signature is not a classification, or the run failed.
        """
        values = await self._run_examples(CLASSIFY, lease.servable, signature_name, examples, timeout_ms)
        return example_calls.classifications(values, len(examples))

    async def regress(
        self, lease: Lease, signature_name: str, examples: Sequence[bytes], timeout_ms: int | None = None
    ) -> list[float]:
        """Answers Regress with one value per example; the arguments are those of ``classify``.

        Raises:
            ServingError: The signature is not a regression, or the run failed.
        """
        values = await self._run_examples(REGRESS, lease.servable, signature_name, examples, timeout_ms)
        return example_calls.regressions(values[example_calls.OUTPUTS], len(examples))

    async def multi_inference(
        self, lease: Lease, tasks: Sequence[Task], examples: Sequence[bytes], timeout_ms: int | None = None
    ) -> list[TaskResult]:
        """Answers MultiInference.

        Args:
            lease: The version that the first task addresses.
            tasks: At least one.
            examples: Serialized ``tf.Example`` messages.
            timeout_ms: The time limit of the run.

        Returns:
            One result per task, in order.

        Raises:
            ServingError: The tasks cannot be combined, or the run failed.
        """
        servable: Servable = lease.servable
        signature = multi_inference.prepare(servable.signatures, tasks, check_method=self._checks_method)
        feeds = {example_calls.INPUTS: example_calls.feed(examples)}
        self._count_examples(servable.name, len(examples))
        tensors = tuple(signature.outputs)
        values = await self._run("MultiInference", servable, signature, feeds, tensors, timeout_ms)
        by_tensor = dict(zip(tensors, values, strict=True))
        return multi_inference.finish(servable.signatures, tasks, by_tensor, len(examples))

    async def _run_examples(
        self, method: str, servable: Servable, name: str, examples: Sequence[bytes], timeout_ms: int | None
    ) -> dict[str, np.ndarray]:
        signature = example_calls.find_signature(
            servable.signatures, name, method, check_method=self._checks_method
        )
        feeds = {example_calls.INPUTS: example_calls.feed(examples)}
        self._count_examples(servable.name, len(examples))
        outputs = example_calls.wanted_outputs(signature, method)
        api = "Classify" if method == CLASSIFY else "Regress"
        values = await self._run(api, servable, signature, feeds, outputs, timeout_ms)
        return dict(zip(outputs, values, strict=True))

    def _count_examples(self, model: str, count: int) -> None:
        if self._observer is not None:
            self._observer.examples(model, count)

    async def _run(
        self,
        api: str,
        servable: Servable,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None,
    ) -> Sequence[np.ndarray]:
        began = perf_counter()
        values = await self.execution.run(servable, signature, feeds, outputs, timeout_ms)
        if self._observer is not None:
            self._observer.runtime(servable.name, api, (perf_counter() - began) * 1e6)
        return values
