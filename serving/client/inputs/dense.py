"""A caller's values as a signature's input tensors; names, types and shapes come from the model's metadata."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foundation.errors import near_miss
from serving.client.errors import InputError
from serving.client.inputs.convert import array_of
from serving.client.inputs.missing import filled, mark, padded
from serving.client.model import Signature, TensorInfo, check_type


def build_inputs(signature: Signature, values: Any, model: str, fill: bool = False) -> dict[str, np.ndarray]:
    """Returns the tensors of a request.

    Args:
        signature: The signature to run.
        values: A mapping of input name to the whole tensor; or a list of mappings, one for each row; or, where the
            signature has one input, its tensor.
        model: The model, for messages.
        fill: Whether to mark missing values: None, omitted inputs, rows of unequal length.

    Returns:
        Input name → array of the declared type. A missing axis is added if only one reading fits.

    Raises:
        InputError: The values do not fit; nothing was sent.
    """
    if isinstance(values, Mapping):
        columns = dict(values)
        rows = False
    elif _is_rows(values):
        columns = _columns(values, signature, model, fill)
        rows = True
    else:
        columns = {_only_input(signature, model): values}
        rows = False
    _check_names(signature, columns, model, fill)
    made, grown = {}, set()
    for name, value in columns.items():
        made[name], added = _tensor(signature.inputs[name], value, f"{model} input {name!r}", fill, rows)
        grown |= {name} if added else set()
    _check_batch(signature, made, grown, model)
    if fill:
        _add_absent(signature, made, model)
    return made


def _is_rows(values: Any) -> bool:
    return isinstance(values, Sequence) and bool(values) and all(isinstance(row, Mapping) for row in values)


def _only_input(signature: Signature, model: str) -> str:
    if len(signature.inputs) != 1:
        names = ", ".join(sorted(signature.inputs))
        raise InputError(
            f"{model} signature {signature.name!r}",
            expected=f"a mapping with the inputs {names}, or a list of such rows",
            seen="values without a name",
        )
    return next(iter(signature.inputs))


def _columns(
    rows: Sequence[Mapping[str, Any]], signature: Signature, model: str, fill: bool
) -> dict[str, list[Any]]:
    names = {str(name): None for row in rows for name in row}
    for name, (index, row) in itertools.product(names, enumerate(rows)):
        if name not in row and not fill and name in signature.inputs:
            raise InputError(f"{model} row {index}", expected=f"a value for {name!r}, as other rows have")
    return {name: [row.get(name) for row in rows] for name in names}


def _check_names(signature: Signature, columns: Mapping[str, Any], model: str, fill: bool) -> None:
    known = sorted(signature.inputs)
    subject = f"{model} signature {signature.name!r}"
    for name in columns:
        if name not in signature.inputs:
            raise InputError(
                f"{subject}: input {name!r}",
                expected="one of " + ", ".join(known),
                remedy=near_miss(str(name), known),
            )
    absent = [n for n in known if n not in columns and not signature.inputs[n].optional]
    if absent and (not fill or not columns):
        raise InputError(
            subject,
            expected="a value for every input",
            seen="none for " + ", ".join(absent),
            remedy="add them; for a missing value pass None with fill_missing=True",
        )


def _tensor(info: TensorInfo, value: Any, subject: str, fill: bool, rows: bool) -> tuple[np.ndarray, bool]:
    check_type(info.dtype)
    if fill:
        value = filled(value, info.dtype, None if info.shape is None else len(info.shape), subject)
    array = array_of(value, info.dtype, subject)
    shaped = _with_axes(array, info, subject, first=not rows)
    if fill:
        shaped = padded(shaped, info.dtype)
    added = shaped.ndim > array.ndim and info.shape is not None and info.shape[0] == -1
    return shaped, added and not rows and shaped.shape[:1] == (1,) != array.shape[:1]


def _with_axes(array: np.ndarray, info: TensorInfo, subject: str, first: bool) -> np.ndarray:
    """Adds axes of length one if the declared shape has more and only one way to add them fits.

    An axis may be added where the declared size is 1 and, with ``first``, as a first axis of any size: the batch.
    """
    if info.shape is None or array.ndim >= len(info.shape):
        return array
    open_axes = [i for i, size in enumerate(info.shape) if size == 1 or (i == 0 and size == -1 and first)]
    fits = {
        shape
        for axes in itertools.combinations(open_axes, len(info.shape) - array.ndim)
        if _fits(shape := np.expand_dims(array, axes).shape, info.shape)
    }
    if len(fits) == 1:
        return array.reshape(fits.pop())
    raise InputError(
        subject,
        expected=f"{info}",
        seen=f"shape {list(array.shape)}",
        remedy="give every axis, the batch first" + ("; several readings fit" if fits else ""),
    )


def _fits(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return all(want in (-1, have) for have, want in zip(shape, declared, strict=True))


def _check_batch(signature: Signature, made: Mapping[str, np.ndarray], grown: set[str], model: str) -> None:
    """Refuses to mix inputs with and without a batch axis if there is more than one row."""
    for name, array in made.items():
        shape = signature.inputs[name].shape
        if grown and shape and shape[0] == -1 and array.shape[0] != 1:
            raise InputError(
                f"{model} input {next(iter(sorted(grown)))!r}",
                expected=f"{array.shape[0]} rows, as {name!r} has",
                seen="a value without a batch axis",
                remedy="give every input its batch axis",
            )


def _add_absent(signature: Signature, made: dict[str, np.ndarray], model: str) -> None:
    sizes = {a.shape[0] for n, a in made.items() if a.ndim and (signature.inputs[n].shape or [0])[0] == -1}
    for name, info in signature.inputs.items():
        if name in made or info.optional:
            continue
        subject = f"{model} input {name!r}"
        if info.shape is None or not info.shape or info.shape[0] != -1 or len(sizes) != 1:
            raise InputError(subject, expected=f"{info}", seen="nothing")
        shape = (*sizes, *(max(size, 1) for size in info.shape[1:]))
        made[name] = np.full(shape, mark(info.dtype, subject), info.dtype.numpy)
