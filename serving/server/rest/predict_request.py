"""The body of a ``:predict`` request: its signature, and arrays for the inputs (rows or columns)."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from serving.server.rest import tolerant_json
from serving.server.rest.debug_text import debug_text
from serving.server.rest.json_tensors import check_rank, is_b64, to_array, types_of
from serving.server.rest.work import still_wanted
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.server.engine.signature import Signature, TensorInfo

_DICTS: Final = {dict}
_ARRAY_BYTES: Final = 200
"""What an array costs besides its values."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """A request's inputs.

    Attributes:
        arrays: By input name.
        rows: Whether the request is in rows (``instances``); the answer then is too.
    """

    arrays: dict[str, np.ndarray]
    rows: bool


def parse_object(body: bytes | bytearray) -> dict[str, Any]:
    """Reads a request body, which must be a JSON object.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not.
    """
    if not body:
        raise _invalid("JSON Parse error: The document is empty")
    document = tolerant_json.parse(body)
    if type(document) is not dict:
        raise _invalid(f"JSON Value: {debug_text(document)} Is not object")
    return document


def signature_name(document: dict[str, Any]) -> str:
    """Returns the signature that a request names; empty for the default one.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not a string.
    """
    name = document.get("signature_name", "")
    if type(name) is not str:
        raise _invalid(
            f"JSON Value: {debug_text(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def inputs(document: dict[str, Any], signature: Signature, bools: bool = True) -> Inputs:
    """Returns a request's inputs as arrays.

    Args:
        document: The request body.
        signature: The signature to run.
        bools: Whether true or false occurs anywhere in the body.

    Raises:
        ServingError: INVALID_ARGUMENT (UNIMPLEMENTED for a type that JSON cannot carry) in TF Serving's words.
    """
    infos = signature.inputs
    if not infos:
        raise _invalid(f"Failed to get input map for signature: {signature.key or 'DEFAULT'}")
    if "instances" in document:
        if "inputs" in document:
            raise _invalid(
                f"JSON Value: {debug_text(document)} Not formatted correctly expecting only"
                " one of 'inputs' or 'instances' keys to exist "
            )
        instances = document["instances"]
        if type(instances) is not list:
            raise _invalid(f"JSON Value: {debug_text(document)} Expecting 'instances' to be an list/array")
        if not instances:
            raise _invalid(f"JSON Value: {debug_text(document)} No values in 'instances' array")
        return Inputs(_rows(instances, infos, bools), rows=True)
    if "inputs" in document:
        return Inputs(_columns(document["inputs"], infos, bools), rows=False)
    raise _invalid("Missing 'inputs' or 'instances' key")


def _columns(value: Any, infos: Mapping[str, TensorInfo], bools: bool) -> dict[str, np.ndarray]:
    if type(value) is not dict or is_b64(value):
        if len(infos) > 1:
            raise _invalid(
                "inputs is a plain value/list, but expecting an object as multiple"
                " input tensors required as per tensorinfo_map"
            )
        name, info = next(iter(infos.items()))
        return {name: to_array(value, info.dtype, bools=bools)}
    arrays = {}
    for name, info in infos.items():
        if name not in value:
            raise _invalid(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = to_array(value[name], info.dtype, bools=bools)
    return arrays


def _rows(instances: list[Any], infos: Mapping[str, TensorInfo], bools: bool) -> dict[str, np.ndarray]:
    try:
        made = _rows_at_once(instances, infos, bools)
    except ServingError:
        made = None
    return made if made is not None else _row_by_row(instances, infos)


def _rows_at_once(
    instances: list[Any], infos: Mapping[str, TensorInfo], bools: bool
) -> dict[str, np.ndarray] | None:
    """Returns all rows of an input as one array; returns None or raises if anything is wrong with them."""
    if types_of(instances) != _DICTS:
        if len(infos) > 1:
            return None
        name, info = next(iter(infos.items()))
        return {name: to_array(instances, info.dtype, bools=bools)}
    if set(map(len, instances)) != {len(infos)} or "b64" in infos:
        return None
    try:
        return {
            name: to_array(list(map(itemgetter(name), instances)), info.dtype, bools=bools)
            for name, info in infos.items()
        }
    except KeyError:
        if len(infos) > 1:
            return None
    return {name: to_array(instances, info.dtype, bools=bools) for name, info in infos.items()}


def _row_by_row(instances: list[Any], infos: Mapping[str, TensorInfo]) -> dict[str, np.ndarray]:
    """Processes instances one by one as TF Serving does, to report the same first error."""
    if type(instances[0]) is not dict and len(infos) > 1:
        raise _invalid(
            "instances is a plain list, but expecting list of objects as multiple"
            " input tensors required as per tensorinfo_map"
        )
    objects = _is_row_object(instances[0])
    columns: dict[str, list[np.ndarray]] = {}
    for number, instance in enumerate(instances):
        if objects:
            _add_object(number, instance, infos, columns)
            continue
        if _is_row_object(instance):
            raise _invalid(f"Expecting value/list but got object at item {number} of input list")
        try:
            _add_item(instance, next(iter(infos)), infos, columns)
        except ServingError as exc:
            raise _invalid(f"Failed to process element: {number} of 'instances' list. Error: {exc}") from exc
    return {name: np.stack(arrays) for name, arrays in columns.items()}


def _add_object(
    number: int, instance: Any, infos: Mapping[str, TensorInfo], columns: dict[str, list[np.ndarray]]
) -> None:
    if not _is_row_object(instance):
        raise _invalid(f"Expecting object but got list at item {number} of input list")
    for name, value in instance.items():
        try:
            _add_item(value, name, infos, columns)
        except ServingError as exc:
            raise _invalid(
                f"Failed to process element: {number} key: {name} of 'instances' list. Error: {exc}"
            ) from exc
    if instance.keys() != infos.keys():
        raise _invalid(
            f"Failed to process element: {number} of 'instances' list."
            f" JSON object: {debug_text(instance)} keys must be equal to: {','.join(sorted(infos))}"
        )


def _add_item(
    value: Any, name: str, infos: Mapping[str, TensorInfo], columns: dict[str, list[np.ndarray]]
) -> None:
    if name not in infos:
        raise _invalid(f"JSON object: does not have named input: {name}")
    made = to_array(value, infos[name].dtype)
    check_rank(made.ndim + 1)
    still_wanted(_ARRAY_BYTES + made.nbytes)
    column = columns.setdefault(name, [])
    if column and column[0].size != made.size:
        raise _invalid(f"Expecting tensor size: {column[0].size} but got: {made.size}")
    if column and column[0].shape != made.shape:
        raise _invalid(f"Expecting shape {_shape_text(column[0])} but got: {_shape_text(made)}")
    column.append(made)


def _is_row_object(value: Any) -> bool:
    return type(value) is dict and not is_b64(value)


def _shape_text(value: np.ndarray) -> str:
    return f"[{','.join(map(str, value.shape))}]"


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
