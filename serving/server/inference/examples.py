"""Classify and Regress: checks their signatures and converts their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from foundation.saved_model import DEFAULT_SIGNATURE
from serving.server.inference.predict import CLASSIFY, REGRESS
from serving.server.status import Code, ServingError
from serving.wire.dtypes import enum_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.server.engine.signature import Signature

INPUTS: Final = "inputs"
CLASSES: Final = "classes"
SCORES: Final = "scores"
OUTPUTS: Final = "outputs"
_NOUNS: Final = {CLASSIFY: "classification", REGRESS: "regression"}
Classifications = list[list[tuple[bytes, float]]]


def find_signature(
    signatures: Mapping[str, Signature], name: str, method: str, *, check_method: bool
) -> Signature:
    """Returns the signature of a Classify or Regress request, after checking it.

    Args:
        signatures: The version's signatures.
        name: The signature's key; empty means ``serving_default``.
        method: ``tensorflow/serving/classify`` or ``.../regress``.
        check_method: Whether the signature's method name must be that.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    signature = signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise _invalid(f"No signature was found with the name: {name or DEFAULT_SIGNATURE}")
    check(signature, method, check_method=check_method)
    return signature


def check(signature: Signature, method: str, *, check_method: bool) -> None:
    """Checks a signature against the call.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if check_method and signature.method_name != method:
        raise _invalid(
            f"Expected {_NOUNS[method]} signature method_name to be {method}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise _invalid("Expected one input Tensor.")
    count = len(signature.outputs)
    if method == CLASSIFY and count not in (1, 2):
        raise _invalid(f"Expected one or two output Tensors, found {count}")
    if method == REGRESS and count != 1:
        raise _invalid("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise _invalid(f"No {_NOUNS[method]} inputs found in SignatureDef: {describe(signature)}")
    if method == REGRESS and OUTPUTS not in signature.outputs:
        raise _invalid(f"No regression outputs found in SignatureDef: {describe(signature)}")
    if method == CLASSIFY and not signature.outputs.keys() & {CLASSES, SCORES}:
        raise _invalid(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {describe(signature)}"
        )


def wanted_outputs(signature: Signature, method: str) -> tuple[str, ...]:
    """Returns the outputs of the signature that the call reads, sorted."""
    names = (CLASSES, SCORES) if method == CLASSIFY else (OUTPUTS,)
    return tuple(name for name in names if name in signature.outputs)


def feed(examples: Sequence[bytes]) -> np.ndarray:
    """Returns serialized Examples as the batch to feed.

    Raises:
        ServingError: INVALID_ARGUMENT if there are none.
    """
    if not examples:
        raise _invalid("Input is empty.")
    batch: np.ndarray = np.empty(len(examples), object)
    batch[:] = examples
    return batch


def classifications(values: Mapping[str, np.ndarray], examples: int) -> Classifications:
    """Returns the label and score of each class of each example; absent labels are empty, absent scores 0.

    Args:
        values: The values of ``classes``, ``scores`` or both.
        examples: How many examples were sent.

    Raises:
        ServingError: INVALID_ARGUMENT if the outputs are not a classification of these examples.
    """
    classes, scores = values.get(CLASSES), values.get(SCORES)
    for name, value, dtype in ((CLASSES, classes, "DT_STRING"), (SCORES, scores, "DT_FLOAT")):
        if value is not None:
            _check_classes(name, value, dtype, examples)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise _invalid(
            "Tensors class and score should match in dim_size(1). "
            f"Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    some = classes if classes is not None else scores
    assert some is not None
    labels = classes.tolist() if classes is not None else [[b""] * some.shape[1]] * examples
    numbers = scores.tolist() if scores is not None else [[0.0] * some.shape[1]] * examples
    return [list(zip(*row, strict=True)) for row in zip(labels, numbers, strict=True)]


def _check_classes(name: str, value: np.ndarray, dtype: str, examples: int) -> None:
    if value.ndim != 2:
        raise _invalid(f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(value)}")
    if enum_name(value) != dtype:
        raise _invalid(f"Expected {name} Tensor of {dtype}. Got: {enum_name(value)}")
    if value.shape[0] != examples:
        raise _invalid(f"Expected {name} output batch size of {examples}. Got: {value.shape[0]}")


def regressions(value: np.ndarray, examples: int) -> list[float]:
    """Returns the value of each example.

    Args:
        value: The output, [batch] or [batch, 1].
        examples: How many examples were sent.

    Raises:
        ServingError: INVALID_ARGUMENT if the output is not a regression of these examples.
    """
    if not (value.ndim == 1 or (value.ndim == 2 and value.shape[1] == 1)):
        raise _invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{shape_text(value)}"
        )
    if value.shape[0] != examples:
        raise _invalid(f"Input batch size did not match output batch size: {examples} vs. {value.shape[0]}")
    if enum_name(value) != "DT_FLOAT":
        raise _invalid(f"Expected output Tensor of DT_FLOAT.  Got: {enum_name(value)}")
    return list(value.ravel().tolist())


def shape_text(array: np.ndarray) -> str:
    """Returns a shape as TensorFlow writes it: ``[2,3]``."""
    return "[" + ",".join(map(str, array.shape)) + "]"


def describe(signature: Signature) -> str:
    """Returns a signature in one line, for errors."""
    return (
        f"{signature.key} (inputs: {', '.join(signature.inputs)}; outputs: {', '.join(signature.outputs)}; "
        f"method_name: {signature.method_name})"
    )


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
