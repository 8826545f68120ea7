"""Transform's ``preprocessing_fn``: the document's transformations or the user's own, on cleaned inputs.

Stock Transform gets this function by its Python path, so no user code is packaged. It is traced several times and must
be fast, so fields that need the same kind of statistic share one analyzer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Any

import tensorflow as tf

from components.transform import label
from components.transform.columns import Columns, RawTensor
from components.transform.config import FeaturesConfig, output_name
from components.transform.layout import matrix_names
from components.transform.steps import Step, steps_of
from components.transform.transformations import AnalysedKind, CountedKind, DirectKind
from components.transform.vocabularies import VocabularyRequest, build_vocabularies
from foundation.errors import UserCodeError
from foundation.own_fault import kind_of, own_code, place
from foundation.saved_model import python_ops
from foundation.user_code import load_function

_OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
CONTRACT = "preprocessing_fn(inputs) that returns a dict of output name to tensor"

Outputs = dict[str, tf.Tensor]


def preprocessing_fn(inputs: Mapping[str, RawTensor], custom_config: Mapping[str, Any]) -> Outputs:
    """Turns raw features into model inputs.

    Args:
        inputs: Feature → raw tensor ``[batch, width]``.
        custom_config: ``features`` (the document's slice), ``label``, ``task`` and ``positive``.

    Returns:
        Name → dense tensor. For declared features at most three matrices (``layout.py`` names their columns): numbers
        and bags float32, ids int64, all ``[batch, n]``. For a user's function its outputs: float32 ``[batch]`` or
        ``[batch, n]``, int64 ids ``[batch]``. And the label.

    Raises:
        SpecError: The data does not allow what the document asks for.
        UserCodeError: The user's function fails or breaks its contract.
    """
    features = FeaturesConfig.model_validate(custom_config["features"])
    columns = Columns(inputs)
    name, task, positive = custom_config["label"], custom_config["task"], custom_config["positive"]
    classes = [label.class_request(columns, name)] if task == "multiclass" else []
    if features.preprocessing_fn:
        outputs, files = _own(features.preprocessing_fn, columns, name), build_vocabularies(classes)
    else:
        steps = steps_of(features)
        named, files = _declared(columns, steps, classes)
        outputs = _matrices(steps, named, name)
    if task == "binary":
        outputs[name] = label.binary(columns, name, positive)
    elif task == "regression":
        outputs[name] = label.regression(columns, name)
    else:
        outputs[name] = label.class_ids(classes[0], files[label.LABEL_VOCABULARY])
    return outputs


def _matrices(steps: list[Step], named: Outputs, label_name: str) -> Outputs:
    """Returns the matrices whose columns are the outputs, sorted by name."""
    kinds = {output: step.kind.gives for step in steps for output in step.outputs}
    joined: Outputs = {}
    for kind, matrix in matrix_names(kinds.values(), label_name).items():
        columns = [named[output] for output in sorted(kinds) if kinds[output] == kind]
        joined[matrix] = tf.concat(columns, axis=1) if kind == "bag" else tf.stack(columns, axis=1)
    return joined


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


def _own(reference: str, columns: Columns, label_name: str) -> Outputs:
    """Calls a user's ``preprocessing_fn(inputs)`` with cleaned sparse inputs."""
    function = load_function(reference)
    with own_code(reference, CONTRACT):
        outputs = function(columns.all())
    if not isinstance(outputs, dict) or not outputs:
        seen = "an empty dict" if isinstance(outputs, dict) else kind_of(outputs)
        raise UserCodeError(place(reference), expected=CONTRACT, seen=seen)
    odd = [name for name in outputs if not isinstance(name, str)]
    if odd:
        raise UserCodeError(place(reference), expected="outputs named by text", seen=repr(odd[0]))
    unfit = [name for name in outputs if not _OUTPUT_NAME.fullmatch(name)]
    if unfit:
        raise UserCodeError(
            place(reference),
            expected="outputs named by ASCII letters, digits and underscores, of at most 100 characters",
            seen=ascii(unfit[0][:100]),
            remedy="they name inputs of the model and files of vocabularies: rename it",
        )
    if label_name in outputs:
        raise UserCodeError(
            place(reference),
            expected=f"no output named like the label {label_name!r}, which is made from data.label",
            seen=f"an output {label_name!r}",
            remedy="leave it out, or give it another name",
        )
    if python_ops(tf.compat.v1.get_default_graph().as_graph_def()):
        raise UserCodeError(
            place(reference),
            expected="TensorFlow operations, which a served model can run",
            seen="tf.py_function or tf.numpy_function",
        )
    return {name: _checked(reference, name, tensor) for name, tensor in outputs.items()}


def _checked(reference: str, name: str, tensor: Any) -> tf.Tensor:
    """Accepts dense float or integer outputs of rank 1 or 2 with a known width."""
    subject = f"{place(reference)}: output {name!r}"
    if not isinstance(tensor, tf.Tensor):
        remedy = "make it dense: tf.sparse.to_dense(x, default)"
        raise UserCodeError(subject, expected="a dense tensor", seen=kind_of(tensor), remedy=remedy)
    if tensor.dtype == tf.string or tensor.dtype == tf.bool:
        remedy = "tft.compute_and_apply_vocabulary for text, tf.cast(x, tf.float32) for booleans"
        raise UserCodeError(subject, expected="numbers", seen=tensor.dtype.name, remedy=remedy)
    if tensor.shape.rank not in (1, 2) or (tensor.shape.rank == 2 and tensor.shape[1] is None):
        remedy = "tf.ensure_shape(x, [None]) or [None, width]"
        raise UserCodeError(
            subject, expected="shape [batch] or [batch, width]", seen=str(tensor.shape), remedy=remedy
        )
    if tensor.shape[0] is not None:
        remedy = "make it from the inputs, such as tf.fill([tf.shape(x)[0]], value)"
        raise UserCodeError(
            subject, expected="a value for each row", seen=f"shape {tensor.shape}", remedy=remedy
        )
    return (
        tensor
        if tensor.dtype == tf.int64
        else tf.cast(tensor, tf.int64 if tensor.dtype.is_integer else tf.float32)
    )
