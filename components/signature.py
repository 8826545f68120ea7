"""Runs the ``serving_examples`` signature of an exported model: serialized Examples in, NumPy outputs out.

The model is loaded into a v1 session, as in TF Serving, which is faster than restoring a TF2 object graph.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundation.errors import DataError
from foundation.saved_model import CLASSES_FILE, DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE


class ServingSignature:
    """One loaded model.

    Args:
        path: Folder of the SavedModel.
        rewritten: Whether TensorFlow may rewrite the graph before it runs. As it is written it answers sooner for the
            first time, later more slowly, and in the last digits it may differ from what a server says.

    Raises:
        DataError: The folder has no SavedModel with the signature ``serving_examples``.
    """

    def __init__(self, path: str, *, rewritten: bool = True) -> None:
        import tensorflow as tf

        self._graph = tf.Graph()
        config = tf.compat.v1.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = not rewritten
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        try:
            with self._graph.as_default():
                meta = tf.compat.v1.saved_model.load(self._session, ["serve"], path)
            signature = meta.signature_def[EXAMPLES_SIGNATURE]
            if "examples" not in signature.inputs:
                raise KeyError(EXAMPLES_SIGNATURE)
        except (OSError, KeyError, RuntimeError) as error:
            raise DataError(
                f"model {path}", expected=f"a SavedModel with signature {EXAMPLES_SIGNATURE}", seen=str(error)
            ) from error
        by_feature = meta.signature_def.get(DEFAULT_SIGNATURE)
        self.features: dict[str, str] = {
            name: tf.dtypes.as_dtype(info.dtype).name
            for name, info in (by_feature.inputs.items() if by_feature else ())
        }
        """Raw feature that the model reads → ``float32``, ``int64`` or ``string``; empty if it does not say."""
        self._outputs = {name: tensor.name for name, tensor in signature.outputs.items()}
        self._run = self._session.make_callable(
            list(self._outputs.values()), [signature.inputs["examples"].name]
        )

    def predict(self, examples: Sequence[bytes]) -> dict[str, Any]:
        """Returns output name → array whose first axis is the batch.

        Args:
            examples: [n] serialized ``tf.Example``, as a list or an object array.
        """
        return dict(zip(self._outputs, self._run(examples), strict=True))


_KEPT = 3
"""Evaluator asks a model, the last blessed one and the references of the first."""
_loaded: dict[str, ServingSignature] = {}
_lock = threading.Lock()


def load(path: str) -> ServingSignature:
    """Returns the model at ``path``, loaded once per process; the last three used are kept."""
    with _lock:
        model = _loaded.pop(path, None) or ServingSignature(path)
        _loaded[path] = model
        while len(_loaded) > _KEPT:
            _loaded.pop(next(iter(_loaded)))
        return model


def class_names(path: str) -> list[str]:
    """Returns the label of each class id of an exported multiclass model.

    Raises:
        DataError: The export has no class names.
    """
    file = Path(path) / CLASSES_FILE
    try:
        return [str(name) for name in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError) as error:
        raise DataError(f"model {path}", expected=f"the class names in {file}", seen=str(error)) from error
