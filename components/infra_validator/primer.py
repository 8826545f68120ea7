"""A SavedModel of two nodes, written as protobufs, to start a server with."""

from __future__ import annotations

from pathlib import Path

from foundation.saved_model import DEFAULT_SIGNATURE, MODEL_FILE


def write_primer(folder: Path) -> None:
    """Writes a model that returns its input number.

    Args:
        folder: The version's folder; it is created.
    """
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.graph_def.versions.producer = 1882  # any TensorFlow 2 value
    given = graph.graph_def.node.add(name="x", op="Placeholder")
    given.attr["dtype"].type = types_pb2.DT_FLOAT
    given.attr["shape"].shape.dim.add(size=-1)
    back = graph.graph_def.node.add(name="y", op="Identity", input=["x"])
    back.attr["T"].type = types_pb2.DT_FLOAT
    signature = graph.signature_def[DEFAULT_SIGNATURE]
    signature.method_name = "tensorflow/serving/predict"
    for name, infos in (("x", signature.inputs), ("y", signature.outputs)):
        infos[name].name, infos[name].dtype = f"{name}:0", types_pb2.DT_FLOAT
        infos[name].tensor_shape.dim.add(size=-1)
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(saved.SerializeToString(deterministic=True))
