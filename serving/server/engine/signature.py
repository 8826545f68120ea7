"""The signatures of a loaded SavedModel: names, types and tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        alias: Its name in the signature, which clients use.
        tensor: Its name in the graph, such as ``serving_default_x:0``.
        dtype: The number of its ``tensorflow.DataType``.
        shape: The declared shape, -1 where a size is unknown; None if the rank is unknown.
            Requests are not checked against it, as in TF Serving.
    """

    alias: str
    tensor: str
    dtype: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """One entry of the SavedModel's signature map.

    Attributes:
        key: Its name, such as ``serving_default``.
        method_name: Such as ``tensorflow/serving/predict``.
        inputs: By alias, sorted.
        outputs: By alias, sorted.
        defaults: Values of the inputs that a request may omit.
    """

    key: str
    method_name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    defaults: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The model, version and signature that a request addresses.

    Attributes:
        name: The model's name.
        version: An explicit version number, or None.
        label: A version label, or None. At most one of ``version`` and ``label`` is set.
        signature_name: The signature's key; empty means ``serving_default``.
    """

    name: str
    version: int | None = None
    label: str | None = None
    signature_name: str = ""
