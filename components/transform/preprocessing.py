"""Transform's ``preprocessing_fn``: the document's transformations or the user's own, on cleaned inputs.

Stock Transform gets this function by its Python path, so no user code is packaged. It is traced several times and must
be fast, so fields that need the same kind of statistic share one analyzer.
"""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from components.transform import label
from components.transform.columns import Columns, RawTensor
from components.transform.config import FeaturesConfig, output_name
from components.transform.transformations import (
    TRANSFORMATIONS,
    AnalysedKind,
    CountedKind,
    DirectKind,
    Kind,
)
from components.transform.vocabularies import VocabularyRequest, build_vocabularies
from foundation.errors import PenstockError, UserCodeError
from foundation.user_code import load_function

Outputs = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Step:
    """A declared transformation of one feature.

    Attributes:
        feature: The feature.
        name: Name of the transformation.
        kind: Its entry in ``TRANSFORMATIONS``.
        settings: Its settings in the document.
    """

    feature: str
    name: str
    kind: Kind
    settings: Any

    @property
    def output(self) -> str:
        """Name of the output, if there is only one."""
        return output_name(self.feature, self.name)


def preprocessing_fn(inputs: Mapping[str, RawTensor], custom_config: Mapping[str, Any]) -> Outputs:
    """Turns raw features into model inputs.

    Args:
        inputs: Feature → raw tensor ``[batch, width]``.
        custom_config: ``features`` (the document's slice), ``label``, ``task`` and ``positive``.

    Returns:
        Output name → dense tensor: float32 ``[batch]`` or ``[batch, n]``, int64 ids ``[batch]``; and the label.

    Raises:
        SpecError: The data does not allow what the document asks for.
        UserCodeError: The user's function fails or breaks its contract.
    """
    features = FeaturesConfig.model_validate(custom_config["features"])
    columns = Columns(inputs)
    name, task, positive = custom_config["label"], custom_config["task"], custom_config["positive"]
    classes = [label.class_request(columns, name)] if task == "multiclass" else []
    if features.preprocessing_fn:
        outputs, files = _own(features.preprocessing_fn, columns), build_vocabularies(classes)
    else:
        outputs, files = _declared(columns, _steps(features), classes)
    outputs.pop(name, None)
    if task == "binary":
        outputs[name] = label.binary(columns, name, positive)
    elif task == "regression":
        outputs[name] = label.regression(columns, name)
    else:
        outputs[name] = label.class_ids(classes[0], files[label.LABEL_VOCABULARY])
    return outputs


def _steps(features: FeaturesConfig) -> list[Step]:
    return [
        Step(feature, one.kind, TRANSFORMATIONS[one.kind], one.settings)
        for feature, several in features.declared.items()
        for one in several
    ]


def _declared(
    columns: Columns, steps: list[Step], classes: list[VocabularyRequest]
) -> tuple[Outputs, dict[str, tf.Tensor]]:
    """Computes every step's outputs, and the vocabulary files."""
    outputs = _analysed(columns, steps)
    for step in steps:
        if isinstance(step.kind, DirectKind):
            names = [output_name(step.feature, part) for part in step.kind.parts(step.name, step.settings)]
            tensors = step.kind.compute(columns, step.feature, step.settings)
            outputs |= dict(zip(names, tensors, strict=True))
    asked = [
        (step.kind, step.kind.request(columns, step.feature, step.output, step.settings))
        for step in steps
        if isinstance(step.kind, CountedKind)
    ]
    files = build_vocabularies([*(request for _, request in asked), *classes])
    outputs |= {request.name: kind.look_up(request, files[request.name]) for kind, request in asked}
    return outputs, files


def _analysed(columns: Columns, steps: list[Step]) -> Outputs:
    """Computes the numeric steps, with one analyzer for all that share ``analyse`` and settings."""
    groups: dict[Hashable, list[tuple[AnalysedKind, Step]]] = defaultdict(list)
    for step in steps:
        if isinstance(step.kind, AnalysedKind):
            groups[type(step.kind).analyse, step.settings].append((step.kind, step))
    outputs: Outputs = {}
    for members in groups.values():
        numbers = {step.output: kind.number(columns, step.feature) for kind, step in members}
        kind, step = members[0]
        outputs |= kind.analyse(numbers, step.settings)
    return outputs


def _own(reference: str, columns: Columns) -> Outputs:
    """Calls a user's ``preprocessing_fn(inputs)`` with cleaned sparse inputs."""
    function = load_function(reference)
    try:
        outputs = function(columns.all())
    except PenstockError:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        seen = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        raise UserCodeError(reference, expected="a preprocessing_fn that runs", seen=seen) from error
    if not isinstance(outputs, dict) or not outputs:
        raise UserCodeError(
            reference, expected="a dict of output name to tensor", seen=type(outputs).__name__
        )
    return {name: _checked(reference, name, tensor) for name, tensor in outputs.items()}


def _checked(reference: str, name: str, tensor: Any) -> tf.Tensor:
    """Accepts dense float or integer outputs of rank 1 or 2 with a known width."""
    subject = f"{reference}: output {name!r}"
    if not isinstance(tensor, tf.Tensor):
        remedy = "make it dense: tf.sparse.to_dense(x, default)"
        raise UserCodeError(subject, expected="a dense tensor", seen=type(tensor).__name__, remedy=remedy)
    if tensor.dtype == tf.string or tensor.dtype == tf.bool:
        remedy = "tft.compute_and_apply_vocabulary for text, tf.cast(x, tf.float32) for booleans"
        raise UserCodeError(subject, expected="numbers", seen=tensor.dtype.name, remedy=remedy)
    if tensor.shape.rank not in (1, 2) or (tensor.shape.rank == 2 and tensor.shape[1] is None):
        remedy = "tf.ensure_shape(x, [None]) or [None, width]"
        raise UserCodeError(
            subject, expected="shape [batch] or [batch, width]", seen=str(tensor.shape), remedy=remedy
        )
    return (
        tensor
        if tensor.dtype == tf.int64
        else tf.cast(tensor, tf.int64 if tensor.dtype.is_integer else tf.float32)
    )
