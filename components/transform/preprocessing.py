"""Transform's ``preprocessing_fn``: the document's transformations or the user's own, on cleaned inputs.

Stock Transform gets this function by its Python path, so no user code is packaged. It is traced several times and must
be fast, so declared transformations are computed together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from components.transform import label
from components.transform.columns import Columns, RawTensor
from components.transform.config import FeaturesConfig
from components.transform.fields import Fields
from components.transform.packed import compute
from components.transform.steps import steps_of, used_fields
from components.transform.vocabularies import look_up, write_vocabularies
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
    classes = columns.word(name, "label") if task == "multiclass" else None
    if features.preprocessing_fn:
        outputs = _own(features.preprocessing_fn, columns, name)
        files = write_vocabularies(None, classes)
    else:
        steps = steps_of(features)
        outputs, files = compute(Fields(inputs, used_fields(steps)), steps, name, classes)
    if task == "binary":
        outputs[name] = label.binary(columns, name, positive)
    elif task == "regression":
        outputs[name] = label.regression(columns, name)
    else:
        outputs[name] = tf.identity(look_up(classes, files.label))
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
