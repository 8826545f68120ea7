"""Loads a SavedModel into a session as TF Serving does: graph, variables, then the init op; no Keras.

It keeps the C++ loader's order and codes: NOT_FOUND for missing files, DATA_LOSS for those that cannot be parsed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.saved_model import MODEL_FILE
from serving.server.engine.signature import Signature, TensorInfo
from serving.server.engine.stopping import import_graph
from serving.server.status import Code, ServingError
from serving.wire.tensors import TensorParsingError, from_message

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from serving.server.config.session_settings import SessionSettings
    from serving.server.engine.stopping import StopOps

INIT_OP_KEY: Final = "__saved_model_init_op"
_INIT_COLLECTIONS: Final = ("saved_model_main_op", "legacy_init_op")


def read_meta_graph(path: Path, tags: tuple[str, ...]) -> Any:
    """Reads the MetaGraphDef that has exactly these tags.

    Args:
        path: The version's directory.
        tags: The MetaGraph's tags.

    Returns:
        The ``MetaGraphDef``.

    Raises:
        ServingError: The SavedModel is missing, cannot be parsed, or has no such MetaGraph.
    """
    saved_model = _read_saved_model(path)
    for meta_graph in saved_model.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == set(tags):
            return meta_graph
    known = ", ".join("{ " + " ".join(m.meta_info_def.tags) + " }" for m in saved_model.meta_graphs)
    raise ServingError(
        Code.NOT_FOUND,
        f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. The SavedModel at {path} "
        f"has: {known or 'none'}. To inspect available tag-sets, use the SavedModel CLI: `saved_model_cli`",
    )


def _read_saved_model(path: Path) -> Any:
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    binary, text = path / MODEL_FILE, path / "saved_model.pbtxt"
    saved_model = saved_model_pb2.SavedModel()
    file = binary if binary.is_file() else text
    try:
        content = file.read_bytes()
        if file is binary:
            saved_model.ParseFromString(content)
        else:
            text_format.Parse(content.decode(), saved_model)
    except FileNotFoundError as error:
        raise ServingError(
            Code.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}",
        ) from error
    except OSError as error:
        raise ServingError(Code.PERMISSION_DENIED, f"{file} cannot be read: {error.strerror}") from error
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ServingError(Code.DATA_LOSS, f"Can't parse {file} as a SavedModel proto: {error}") from error
    return saved_model


def open_session(
    path: Path, meta_graph: Any, settings: SessionSettings, outputs: Collection[str] = ()
) -> tuple[Any, StopOps | None]:
    """Opens a session with the MetaGraph's ops, its variables restored and its init op run.

    Args:
        path: The version's directory.
        meta_graph: Its ``MetaGraphDef``.
        settings: The session's settings.
        outputs: The tensors that runs compute.

    Returns:
        The ``tf.compat.v1.Session``, which the caller closes, and the ops that stop its runs, if they may be long.

    Raises:
        tf.errors.OpError: The checkpoint or the init op fails.
        ValueError: The graph cannot be imported.
    """
    from tensorflow.python.client import session as sessions
    from tensorflow.python.framework import ops

    graph = ops.Graph()
    stop_ops = import_graph(graph, meta_graph, outputs, settings.runs)
    graph.finalize()
    session = sessions.Session(graph=graph, config=config_of(settings))
    try:
        feeds: dict[str, Any] = dict(_asset_feeds(path, meta_graph))
        if stop_ops is not None:
            feeds.update(stop_ops.feeds(session))
        _restore(session, path, meta_graph.saver_def, feeds)
        init = _init_op(meta_graph)
        if init:
            _run_op(session, init, feeds)
        session._extend_graph()
    except BaseException:
        session.close()
        raise
    return session, stop_ops


def config_of(settings: SessionSettings) -> Any:
    """Returns the ``ConfigProto`` for the settings."""
    from tensorflow.core.protobuf import config_pb2

    config = config_pb2.ConfigProto.FromString(settings.config)
    if settings.intra_op_threads:
        config.intra_op_parallelism_threads = settings.intra_op_threads
    if settings.inter_op_threads:
        config.inter_op_parallelism_threads = settings.inter_op_threads
    if settings.gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = settings.gpu_memory_fraction
    return config


def _asset_feeds(path: Path, meta_graph: Any) -> dict[str, str]:
    from tensorflow.core.protobuf import meta_graph_pb2

    assets = list(meta_graph.asset_file_def)
    if not assets and "saved_model_assets" in meta_graph.collection_def:
        packed = meta_graph.collection_def["saved_model_assets"].any_list.value
        for entry in packed:
            asset = meta_graph_pb2.AssetFileDef()
            entry.Unpack(asset)
            assets.append(asset)
    return {asset.tensor_info.name: str(path / "assets" / asset.filename) for asset in assets}


def _restore(session: Any, path: Path, saver: Any, feeds: Mapping[str, Any]) -> None:
    prefix = path / "variables" / "variables"
    if not saver.restore_op_name or not prefix.with_name("variables.index").exists():
        return
    feeds = {**feeds, _tensor_name(saver.filename_tensor_name): str(prefix)}
    _run_op(session, saver.restore_op_name, feeds)


def _init_op(meta_graph: Any) -> str:
    if INIT_OP_KEY in meta_graph.signature_def:
        return str(meta_graph.signature_def[INIT_OP_KEY].outputs[INIT_OP_KEY].name)
    for name in _INIT_COLLECTIONS:
        if name in meta_graph.collection_def:
            values = meta_graph.collection_def[name].node_list.value
            if len(values) != 1:
                raise ServingError(
                    Code.FAILED_PRECONDITION, f"Expected exactly one main op in : {name}, found {len(values)}"
                )
            return str(values[0])
    return ""


def _run_op(session: Any, name: str, feeds: Mapping[str, Any]) -> None:
    operation = session.graph.get_operation_by_name(name.partition(":")[0])
    session.run(operation, {_tensor_name(key): value for key, value in feeds.items()})


def _tensor_name(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def signatures_of(meta_graph: Any) -> dict[str, Signature]:
    """Returns the MetaGraph's signatures that requests can use, by key.

    Raises:
        ServingError: An input's default value cannot be read.
    """
    return {
        key: _signature(key, definition)
        for key, definition in meta_graph.signature_def.items()
        if key != INIT_OP_KEY
    }


def _signature(key: str, definition: Any) -> Signature:
    defaults = {}
    for alias, value in definition.defaults.items():
        try:
            defaults[alias] = from_message(value)
        except TensorParsingError as error:
            raise ServingError(Code.INVALID_ARGUMENT, f"tensor parsing error: {alias}") from error
    return Signature(
        key, definition.method_name, _tensors(definition.inputs), _tensors(definition.outputs), defaults
    )


def _tensors(infos: Any) -> dict[str, TensorInfo]:
    return {alias: _tensor(alias, infos[alias]) for alias in sorted(infos)}


def _tensor(alias: str, info: Any) -> TensorInfo:
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return TensorInfo(alias, info.name, info.dtype, sizes)


def signature_def_map(meta_graph: Any) -> bytes:
    """Returns the serialized ``SignatureDefMap`` of the MetaGraph: every signature, including the init op's."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    found = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in meta_graph.signature_def.items():
        found.signature_def[key].CopyFrom(definition)
    return bytes(found.SerializeToString(deterministic=True))
