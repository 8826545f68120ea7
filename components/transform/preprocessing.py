"""Transform's ``preprocessing_fn``: the document's transformations, or a person's own, on cleaned inputs.

Stock Transform is given this function by its Python path, so no user code is packaged. It is traced several times and
must stay quick: fields that need the same kind of statistic share one analyzer.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from components.transform import categorical, label, numeric
from components.transform.columns import Columns, RawTensor
from components.transform.config import FeaturesConfig, Transformation, output_name
from components.transform.vocabularies import VocabularyRequest, build_vocabularies
from foundation.errors import PenstockError, UserCodeError
from foundation.user_code import load_function

Outputs = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Step:
    """One declared transformation: the feature it reads, the name of what it gives."""

    feature: str
    transformation: Transformation

    @property
    def kind(self) -> str:
        """Name of the transformation."""
        return self.transformation.kind

    @property
    def name(self) -> str:
        """Name of the output."""
        return output_name(self.feature, self.kind)


def preprocessing_fn(inputs: Mapping[str, RawTensor], custom_config: Mapping[str, Any]) -> Outputs:
    """Turns raw features into what the model sees.

    Args:
        inputs: Feature → raw tensor ``[batch, width]``.
        custom_config: ``features`` (the document's slice), ``label``, ``task`` and ``positive``.

    Returns:
        Output name → dense tensor: float32 ``[batch]`` or ``[batch, n]``, int64 ids ``[batch]``; and the label.

    Raises:
        SpecError: The document asks for something that the data cannot give.
        UserCodeError: A person's own function fails or breaks its contract.
    """
    features = FeaturesConfig.model_validate(custom_config["features"])
    columns = Columns(inputs)
    name, task, positive = custom_config["label"], custom_config["task"], custom_config["positive"]
    classes = [label.class_request(columns, name)] if task == "multiclass" else []
    if features.preprocessing_fn:
        outputs, files = _own(features.preprocessing_fn, columns), build_vocabularies(classes)
    else:
        steps = [Step(feature, one) for feature, several in features.declared.items() for one in several]
        outputs, files = _declared(columns, steps, classes)
    outputs.pop(name, None)
    if task == "binary":
        outputs[name] = label.binary(columns, name, positive)
    elif task == "regression":
        outputs[name] = label.regression(columns, name)
    else:
        outputs[name] = label.class_ids(classes[0], files[label.LABEL_VOCABULARY])
    return outputs


def _declared(
    columns: Columns, steps: list[Step], classes: list[VocabularyRequest]
) -> tuple[Outputs, dict[str, tf.Tensor]]:
    """Computes every step's outputs, and the vocabulary files."""
    outputs = _numeric(columns, steps)
    for step in steps:
        outputs |= _without_analyzer(columns, step)
    asked = [(step, _request(columns, step)) for step in steps if step.kind in REQUESTS]
    files = build_vocabularies([*(request for _, request in asked), *classes])
    for step, request in asked:
        ids_or_bag = categorical.vocabulary_ids if step.kind == "vocabulary" else categorical.multi_hot
        outputs[step.name] = ids_or_bag(request, files[step.name])
    return outputs, files


def _numeric(columns: Columns, steps: list[Step]) -> Outputs:
    """Computes what needs a numeric statistic, with one analyzer for each kind of statistic."""
    outputs: Outputs = {}
    standardised = {
        s.name: numeric.STANDARDISED[s.kind](columns, s.feature)
        for s in steps
        if s.kind in numeric.STANDARDISED
    }
    if standardised:
        outputs |= numeric.standardise(standardised)
    scaled = {s.name: columns.number(s.feature, s.kind) for s in steps if s.kind == "scale_0_1"}
    if scaled:
        outputs |= numeric.scale_0_1(scaled)
    for size in sorted({s.transformation.buckets for s in steps if s.transformation.buckets}):
        same = {s.name: columns.number(s.feature, s.kind) for s in steps if s.transformation.buckets == size}
        outputs |= numeric.buckets(same, size)
    return outputs


def _without_analyzer(columns: Columns, step: Step) -> Outputs:
    """Computes what needs no look at the whole data; nothing for other kinds."""
    one = step.transformation
    if one.identity:
        return {step.name: numeric.identity(columns, step.feature)}
    if one.missing:
        return {step.name: numeric.missing(columns, step.feature)}
    if one.hash:
        return {step.name: categorical.hash_ids(columns, step.feature, one.hash)}
    if one.cross:
        return {step.name: categorical.cross_ids(columns, step.feature, one.cross)}
    if one.date_parts:
        parts = categorical.date_part_ids(columns, step.feature, one.date_parts)
        return {output_name(step.feature, part): ids for part, ids in parts.items()}
    return {}


REQUESTS: dict[str, Callable[..., VocabularyRequest]] = {
    "vocabulary": categorical.vocabulary_request,
    "bag": categorical.bag_request,
    "text": categorical.text_request,
}
"""Kind → the vocabulary that it asks for."""


def _request(columns: Columns, step: Step) -> VocabularyRequest:
    return REQUESTS[step.kind](columns, step.feature, step.name, getattr(step.transformation, step.kind))


def _own(reference: str, columns: Columns) -> Outputs:
    """Calls a person's ``preprocessing_fn(inputs)`` with cleaned sparse inputs."""
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
