"""Promotions and rollbacks of an experiment, as executions that take the pushed model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from foundation.errors import MetadataError
from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import asked, is_absent, open_store

NODES: Final = {"promoted": "Promotion", "rolled_back": "Rollback"}
"""Kind of a transition → the name of its execution."""
_TYPE: Final = "penstock.experiment"


def record_transition(
    config: MetadataConfig, root: Path, pipeline: str, transition: Mapping[str, Any]
) -> str:
    """Records that a version answers everything from now on: an execution whose input is the pushed model.

    Args:
        config: Where the store is.
        root: The pipeline's root.
        pipeline: Name of the pipeline.
        transition: What ``serving.promotion.records.Transition.to_json`` says of it.

    Returns:
        What was recorded, in words.

    Raises:
        MetadataError: The store does not answer, has another version, or knows no such pushed model.
    """
    version = transition["version"]
    if version is None or is_absent(config, root):
        raise _unknown(
            pipeline, version, "no lineage" if is_absent(config, root) else "a version that is not known"
        )
    with asked(config):
        store = open_store(config, root)
        context = store.get_context_by_type_and_name("pipeline", pipeline)
        model = _pushed(store, context, int(version)) if context else None
        if model is None:
            raise _unknown(pipeline, version, "no such model")
        number = _put(store, context, model, transition)
    return f"execution {number} of pipeline {pipeline} records it for pushed model {model.id}"


def _unknown(pipeline: str, version: int | None, seen: str) -> MetadataError:
    return MetadataError(
        f"lineage of pipeline {pipeline}", expected=f"a pushed model with version {version}", seen=seen,
        remedy="name the pipeline that pushed it",
    )  # fmt: skip


def _pushed(store: Any, context: Any, version: int) -> Any | None:
    """Returns the latest artifact that was pushed as a version."""
    (kind,) = [one.id for one in store.get_artifact_types() if one.name == "PushedModel"] or [None]
    found = [
        one
        for one in store.get_artifacts_by_context(context.id)
        if one.type_id == kind and one.custom_properties["pushed_version"].string_value == str(version)
    ]
    return max(found, key=lambda one: int(one.id)) if found else None


def _put(store: Any, context: Any, model: Any, transition: Mapping[str, Any]) -> int:
    """Writes the execution and its event in one step."""
    from ml_metadata.proto import metadata_store_pb2 as pb

    node = NODES[transition["kind"]]
    kind = store.put_execution_type(pb.ExecutionType(name=f"{_TYPE}.{node}"))
    execution = pb.Execution(type_id=kind, last_known_state=pb.Execution.COMPLETE)
    execution.custom_properties["penstock_node"].string_value = node
    for key, value in transition.items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        if text is not None and key != "kind":
            _set(execution.custom_properties[key], text)
    event = pb.Event(type=pb.Event.INPUT)
    event.path.steps.add(key="pushed_model")
    number, _, _ = store.put_execution(execution, [(model, event)], [context])
    return int(number)


def _set(property_: Any, value: object) -> None:
    if isinstance(value, bool):
        property_.bool_value = value
    elif isinstance(value, int):
        property_.int_value = value
    elif isinstance(value, float):
        property_.double_value = value
    else:
        property_.string_value = str(value)
