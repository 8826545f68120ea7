"""Features' own names as the inputs of an exported signature.

TensorFlow takes a signature's inputs for arguments of a Python function, so that a feature named ``from`` or ``self``
cannot be exported. The file format has no such limit: such features are traced under other names and renamed afterwards.
"""

from __future__ import annotations

import itertools
import keyword
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from foundation.publish import published_file
from foundation.saved_model import MODEL_FILE

_TAKEN = frozenset({"self", "cls", "args", "kwargs"})
"""Arguments of TensorFlow's own functions, through which a signature's inputs pass."""


def arguments(names: Collection[str]) -> dict[str, str]:
    """Returns feature → Python argument that stands for it in a function: its name where that is possible."""
    alike = Counter(
        name.lower() for name in names
    )  # TensorFlow tells the names in a graph apart without case
    free = (name for name in map("input_{}".format, itertools.count()) if name not in alike)
    return {name: name if _is_argument(name) and alike[name.lower()] == 1 else next(free) for name in names}


def _is_argument(name: str) -> bool:
    """Returns whether TensorFlow takes the name as it is; it changes a leading underscore."""
    plain = name.isascii() and name.isidentifier() and not name.startswith("_")
    return plain and not keyword.iskeyword(name) and name not in _TAKEN


def rename_inputs(folder: Path, signature: str, names: Mapping[str, str]) -> None:
    """Gives the inputs of one signature of a SavedModel other names.

    Servers know the inputs by these names only. A function that ``tf.saved_model.load`` returns can be called with
    either, ``self`` excepted; its structured signature shows the arguments.

    Args:
        folder: Folder of the SavedModel.
        signature: Name of the signature.
        names: Argument → name; one for each input.
    """
    if all(argument == name for argument, name in names.items()):
        return
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

    file = folder / MODEL_FILE
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        inputs = graph.signature_def[signature].inputs
        tensors = {names[argument]: tensor.SerializeToString() for argument, tensor in inputs.items()}
        inputs.clear()
        for name, tensor in tensors.items():
            inputs[name].ParseFromString(tensor)
        _rename_arguments(graph.object_graph_def, signature, names)
    with published_file(file) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
    write_fingerprint(str(folder))


def _rename_arguments(objects: object, signature: str, names: Mapping[str, str]) -> None:
    """Renames the arguments by which the loaded function can be called as well."""
    nodes = objects.nodes  # type: ignore[attr-defined]
    root = {child.local_name: child.node_id for child in nodes[0].children}
    for child in nodes[root["signatures"]].children:
        if child.local_name == signature:
            function = nodes[child.node_id].bare_concrete_function
            function.argument_keywords[:] = [names[argument] for argument in function.argument_keywords]
