"""A caller's values as a signature's tensors: dense inputs, or serialized examples if it takes those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from foundation.errors import near_miss
from foundation.saved_model import DEFAULT_SIGNATURE
from serving.client.errors import InputError
from serving.client.inputs.dense import build_inputs
from serving.client.inputs.examples import examples, serialized
from serving.client.model import ModelMetadata, Signature
from serving.wire.dtypes import DType
from serving.wire.tensors import objects

_KINDS: Final = {DType.FLOAT: "float", DType.DOUBLE: "float", DType.INT64: "int64", DType.STRING: "bytes"}


def build_tensors(
    metadata: ModelMetadata, signature: Signature, values: Any, model: str, fill_missing: bool | None
) -> dict[str, np.ndarray]:
    """Returns the tensors of a predict request.

    If the signature's one input takes serialized examples and the caller passes mappings of features (rather than
    the input by name), the features become examples; their kinds are those of ``serving_default`` if the model has
    the same features there.

    Args:
        metadata: The model's signatures.
        signature: The signature to run.
        values: See ``Client.predict``.
        model: The model, for messages.
        fill_missing: Whether missing values are marked; None: only if the model reads such marks.

    Raises:
        InputError: The values do not fit.
    """
    only = signature.examples_input
    if hasattr(values, "columns") and hasattr(
        values, "to_dict"
    ):  # a pandas DataFrame, without importing pandas
        values = values.to_dict("records") if only is not None else dict(values.items())
    rows = [values] if isinstance(values, Mapping) else values
    if only is not None and _are_features(rows, only.name):
        made = examples(rows, _kinds(metadata) if metadata.marks_missing else None)
        return {only.name: objects(serialized(made))}
    fill = metadata.marks_missing if fill_missing is None else fill_missing
    return build_inputs(signature, values, model, fill)


def check_outputs(signature: Signature, outputs: Sequence[str], model: str) -> None:
    """Refuses names that the signature does not return.

    Raises:
        InputError: A name is unknown; the message lists the names and the nearest one.
    """
    if isinstance(outputs, str):
        raise InputError("outputs", expected="a list of names", seen=repr(outputs))
    known = sorted(signature.outputs)
    for name in outputs:
        if name not in signature.outputs:
            raise InputError(
                f"{model} signature {signature.name!r}: output {name!r}",
                expected="one of " + ", ".join(known),
                remedy=near_miss(name, known),
            )
    if len(set(outputs)) != len(outputs):
        raise InputError("outputs", expected="each name once", seen=", ".join(outputs))


def _are_features(rows: Any, name: str) -> bool:
    listed = isinstance(rows, Sequence) and bool(rows) and all(isinstance(row, Mapping) for row in rows)
    return listed and not all(set(row) == {name} for row in rows)


def _kinds(metadata: ModelMetadata) -> dict[str, str]:
    inputs = metadata.signatures[DEFAULT_SIGNATURE].inputs
    return {name: _KINDS[info.dtype] for name, info in inputs.items() if info.dtype in _KINDS}
