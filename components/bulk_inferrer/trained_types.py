"""Documents to predict for in the types that the model was trained with, where an earlier model reads them.

The types come from the export that this run learnt from. A model that was blessed earlier may have learnt from another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components import signature
from foundation.errors import DataError

_LISTS = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}
_NAMES = {"float_list": "numbers with a fraction", "int64_list": "whole numbers", "bytes_list": "text"}


def predict(model: signature.ServingSignature, records: Any) -> dict[str, Any]:
    """Returns the predictions for serialized Examples, in the types that the model reads if those differ.

    Raises:
        DataError: A feature's values do not fit the model.
    """
    import tensorflow as tf

    try:
        return model.predict(records)
    except tf.errors.InvalidArgumentError as error:
        fitted = in_types(records, model.features)
        if fitted is None:
            raise DataError(
                "documents to predict for",
                expected="the features that the model was trained on",
                seen=_first_line(error.message),
                remedy="check infer.mongo_export and data.fields, or run again to train on the new data",
            ) from error
    return model.predict(fitted)


def in_types(records: Sequence[bytes], types: Mapping[str, str]) -> Any:
    """Returns serialized Examples with the values of some features in other types, or None if no value differs.

    Args:
        records: [n] serialized ``tf.Example``.
        types: Feature → ``float32``, ``int64`` or ``string``.

    Raises:
        DataError: A value cannot be converted without loss.
    """
    from tensorflow.core.example import example_pb2

    wanted = {name: _LISTS[kind] for name, kind in types.items() if kind in _LISTS}
    made: np.ndarray = np.empty(len(records), object)
    changed = False
    for row, record in enumerate(records):
        example = example_pb2.Example.FromString(record)
        features = example.features.feature
        odd = [n for n in wanted if n in features and features[n].WhichOneof("kind") not in (None, wanted[n])]
        for name in odd:
            _convert(name, features[name], wanted[name])
        changed |= bool(odd)
        made[row] = example.SerializeToString() if odd else record
    return made if changed else None


def _convert(name: str, feature: Any, wanted: str) -> None:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value)
    if kind == "int64_list" and wanted == "float_list":
        converted: list[Any] = [float(value) for value in values]
    elif kind == "float_list" and wanted == "int64_list" and all(value.is_integer() for value in values):
        converted = [int(value) for value in values]
    elif values:
        raise DataError(
            f"documents to predict for: feature {name!r}",
            expected=f"{_NAMES[wanted]}, as the model was trained",
            seen=_NAMES[kind],
            remedy=f"declare its type under data.fields and run again, which trains on it as {_NAMES[kind]} or reads it as {_NAMES[wanted]}",
        )
    else:
        converted = []
    feature.ClearField(kind)
    getattr(feature, wanted).value.extend(converted)


def _first_line(message: str) -> str:
    return " ".join(message.split())[:300]
