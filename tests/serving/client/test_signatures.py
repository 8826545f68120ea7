"""Signatures from a SavedModel's file, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.saved_model import MODEL_FILE
from serving.client.model import TensorInfo
from serving.client.signatures import read_signatures
from serving.wire import client_pb2
from serving.wire.dtypes import DType


def saved_model(*tags: str) -> client_pb2.SavedModel:
    saved = client_pb2.SavedModel()
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.extend(tags)
    given = graph.signature_def["serving_default"].inputs
    given["x"].dtype = DType.FLOAT
    given["x"].tensor_shape.dim.add(size=-1)
    given["open"].dtype = DType.STRING
    given["open"].tensor_shape.unknown_rank = True
    return saved


def test_the_served_graph_states_names_types_and_shapes(tmp_path: Path) -> None:
    saved = saved_model("train")
    saved.meta_graphs[0].signature_def["serving_default"].inputs["never"].dtype = DType.BOOL
    saved.MergeFrom(saved_model("serve", "gpu"))
    (tmp_path / MODEL_FILE).write_bytes(saved.SerializeToString())
    (signature,) = read_signatures(tmp_path).values()
    assert signature.inputs == {
        "open": TensorInfo("open", DType.STRING, None),
        "x": TensorInfo("x", DType.FLOAT, (-1,)),
    }


@pytest.mark.parametrize(
    "content",
    [None, b"\xff" * 20, saved_model("train").SerializeToString()],
    ids=["no file", "no message", "for training only"],
)
def test_a_model_that_cannot_be_loaded_has_no_signatures(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / MODEL_FILE).write_bytes(content)
    assert read_signatures(tmp_path) == {}
