"""Predict: checks a request's inputs and outputs against its signature, with TF Serving's error texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from foundation.saved_model import DEFAULT_SIGNATURE
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np

    from serving.server.engine.signature import Signature

PREDICT: Final = "tensorflow/serving/predict"
CLASSIFY: Final = "tensorflow/serving/classify"
REGRESS: Final = "tensorflow/serving/regress"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class PredictResult:
    """The answer to Predict.

    Attributes:
        signature: The signature that was run.
        outputs: The values, by output alias.
    """

    signature: Signature
    outputs: Mapping[str, np.ndarray]


def find_signature(signatures: Mapping[str, Signature], name: str) -> Signature:
    """Returns the signature of a Predict request.

    Raises:
        ServingError: FAILED_PRECONDITION if there is none of that name.
    """
    signature = signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise ServingError(
            Code.FAILED_PRECONDITION, f'Serving signature key "{name or DEFAULT_SIGNATURE}" not found.'
        )
    return signature


def check_method(signature: Signature) -> None:
    """Checks that the method name may be predicted, for servers that check it.

    Raises:
        ServingError: INTERNAL, as in TF Serving.
    """
    if signature.method_name not in (PREDICT, CLASSIFY, REGRESS):
        raise ServingError(
            Code.INTERNAL,
            f"Expected prediction signature method_name to be one of {{{PREDICT}, {CLASSIFY}, {REGRESS}}}. "
            f"Was: {signature.method_name}",
        )


def feeds(
    signature: Signature, inputs: Mapping[str, Value], decode: Callable[[Value], np.ndarray] | None = None
) -> Mapping[str, Any]:
    """Returns a value for every input of the signature.

    Args:
        signature: The signature.
        inputs: The request's inputs, by alias.
        decode: Decodes an input to an array; raises ValueError if it cannot. None: inputs are arrays.

    Returns:
        The arrays by alias; defaults fill in for missing inputs.

    Raises:
        ServingError: An input is missing, extra or malformed.
    """
    wanted = signature.inputs
    if len(inputs) > len(wanted) or (len(inputs) < len(wanted) and not signature.defaults):
        raise _wrong_count(signature, inputs)
    if decode is None and len(inputs) == len(wanted) and all(alias in inputs for alias in wanted):
        return inputs
    values: dict[str, Any] = {}
    used = 0
    for alias, info in wanted.items():
        if alias not in inputs:
            if alias not in signature.defaults:
                raise _not_given(alias, info.tensor, signature, inputs)
            values[alias] = signature.defaults[alias]
            continue
        used += 1
        try:
            values[alias] = decode(inputs[alias]) if decode else inputs[alias]
        except ValueError as error:
            raise ServingError(Code.INVALID_ARGUMENT, f"tensor parsing error: {alias}") from error
    if used != len(inputs):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Inputs contains invalid name. "
            f"Used request inputs: {_joined(inputs.keys() & wanted.keys())}, "
            f"request input: {_joined(inputs)}",
        )
    return values


def _wrong_count(signature: Signature, inputs: Mapping[str, Any]) -> ServingError:
    wanted = signature.inputs
    return ServingError(
        Code.INVALID_ARGUMENT,
        f"input size does not match signature: {len(inputs)}!={len(wanted)} len({{{_joined(inputs)}}}) != "
        f"len({{{_joined(wanted)}}}). Sent extra: {{{_joined(inputs.keys() - wanted.keys())}}}. "
        f"Missing but required: {{{_joined(wanted.keys() - inputs.keys())}}}.",
    )


def _not_given(alias: str, tensor: str, signature: Signature, inputs: Mapping[str, Any]) -> ServingError:
    return ServingError(
        Code.INVALID_ARGUMENT,
        f"Signature input alias: {alias}(feed name: {tensor}) not found in request and no default value "
        f"provided. Inputs expected to be in the request {{{_joined(inputs)}}}, or default input alias set: "
        f"{_joined(signature.defaults)}",
    )


def outputs(signature: Signature, output_filter: Sequence[str]) -> tuple[str, ...]:
    """Returns the outputs to compute: all, or the filter's, sorted.

    Raises:
        ServingError: INVALID_ARGUMENT if the filter names an unknown output, or one twice.
    """
    if not output_filter:
        return tuple(signature.outputs)
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{{{_joined(signature.outputs)}}}.",
            )
        if alias in seen:
            raise ServingError(Code.INVALID_ARGUMENT, f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    # The order of an answer's map does not matter; sorted, all orders of a filter share one callable.
    return tuple(sorted(seen))


def _joined(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
