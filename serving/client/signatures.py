"""Signatures of a server or a SavedModel, read without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from foundation.saved_model import MODEL_FILE
from serving.client.model import Signature, TensorInfo
from serving.wire import client_pb2
from serving.wire.dtypes import dtype_of


def read_signatures(model: Path) -> dict[str, Signature]:
    """Returns name → signature of a SavedModel; empty if it cannot be read, which a server reports better.

    Args:
        model: The SavedModel's folder.
    """
    try:
        saved = client_pb2.SavedModel.FromString((model / MODEL_FILE).read_bytes())
    except (OSError, DecodeError):
        return {}
    served = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
    return signatures_of(served[0].signature_def) if served else {}


def signatures_of(said: Mapping[str, Any]) -> dict[str, Signature]:
    """Returns name → signature of ``SignatureDef`` messages, sorted by name."""
    return {name: _signature(name, said[name]) for name in sorted(said)}


def _signature(name: str, said: Any) -> Signature:
    optional = set(said.defaults)
    return Signature(name, said.method_name, _tensors(said.inputs, optional), _tensors(said.outputs, set()))


def _tensors(said: Any, optional: set[str]) -> dict[str, TensorInfo]:
    found = {}
    for name in sorted(said):
        shape = said[name].tensor_shape
        sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
        found[name] = TensorInfo(name, dtype_of(said[name].dtype), sizes, name in optional)
    return found
