"""MultiInference: several classifications and regressions of the same examples in one session run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.saved_model import DEFAULT_SIGNATURE
from serving.server.engine.signature import ModelSpec, Signature
from serving.server.inference import examples
from serving.server.inference.predict import CLASSIFY, REGRESS
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from serving.server.inference.examples import Classifications

_KEY_PREFIX = "\0multi_inference"
"""Not a key of any SavedModel: the run belongs to no single signature and is not batched."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a request.

    Attributes:
        spec: The model and signature; only the first task's version counts.
        method: ``tensorflow/serving/classify`` or ``.../regress``.
    """

    spec: ModelSpec
    method: str

    @property
    def signature_name(self) -> str:
        """The effective signature name."""
        return self.spec.signature_name or DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The answer to one task: one of the two fields is set.

    Attributes:
        classifications: The result of a classify task.
        regressions: The result of a regress task.
    """

    classifications: Classifications | None = None
    regressions: Sequence[float] | None = None


def prepare(signatures: Mapping[str, Signature], tasks: Sequence[Task], *, check_method: bool) -> Signature:
    """Returns one signature for all tasks: their inputs and outputs by tensor name.

    All inputs have the same alias, so each is fed the same examples. Signatures of TF2 models have one input each.

    Args:
        signatures: The version's signatures.
        tasks: The request's tasks, at least one.
        check_method: Whether the signatures' method names must match their tasks.

    Raises:
        ServingError: The tasks cannot be combined.
    """
    found: dict[str, Signature] = {}
    for task in tasks:
        _check(task, tasks[0], found)
        signature = signatures.get(task.signature_name)
        if signature is None:
            raise _invalid(f"Requested signature not found in model graph: {task.signature_name}")
        if task.method not in (CLASSIFY, REGRESS):
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method}")
        examples.check(signature, task.method, check_method=check_method)
        found[task.signature_name] = signature
    inputs = [signature.inputs[examples.INPUTS] for signature in found.values()]
    outputs = {info.tensor: info for signature in found.values() for info in signature.outputs.values()}
    key = "\0".join((_KEY_PREFIX, *sorted(found)))
    return Signature(key, "", {info.tensor: info for info in inputs}, dict(sorted(outputs.items())))


def _check(task: Task, first: Task, found: Mapping[str, Signature]) -> None:
    if not task.spec.name:
        raise _invalid("Found ModelSpec with an empty model name.")
    if task.spec.name != first.spec.name:
        raise _invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    if task.signature_name in found:
        raise _invalid(f"Duplicate evaluation of signature: {task.signature_name}")


def finish(
    signatures: Mapping[str, Signature], tasks: Sequence[Task], values: Mapping[str, np.ndarray], count: int
) -> list[TaskResult]:
    """Returns the tasks' results, in order.

    Args:
        signatures: The version's signatures.
        tasks: The request's tasks.
        values: The outputs by tensor name.
        count: How many examples were sent.

    Raises:
        ServingError: INVALID_ARGUMENT if an output does not suit its task.
    """
    results = []
    for task in tasks:
        signature = signatures[task.signature_name]
        wanted = examples.wanted_outputs(signature, task.method)
        given = {alias: values[signature.outputs[alias].tensor] for alias in wanted}
        if task.method == CLASSIFY:
            results.append(TaskResult(classifications=examples.classifications(given, count)))
        else:
            results.append(TaskResult(regressions=examples.regressions(given[examples.OUTPUTS], count)))
    return results


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
