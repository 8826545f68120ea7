"""A promotion is part of the lineage of the model that was pushed, in a real ML Metadata store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from foundation.errors import MetadataError
from pipeline.document.models import MetadataConfig
from pipeline.lineage.promotions import record_transition
from pipeline.lineage.store import MlmdLineage, open_store
from pipeline.lineage.trace import find_model, trace

SQLITE = MetadataConfig()
PROMOTED = {
    "kind": "promoted", "experiment": "exam", "arm": "new", "model": "retention", "version": 2, "label": "stable",
    "before": 1, "backends": ["main"], "who": "ada", "at": 1.5, "verdict": "promote new", "anyway": True,
}  # fmt: skip


def push(root: Path, *versions: int) -> list[int]:
    """Writes a trainer and a pusher for each version, as TFX does; returns the ids of the pushed models."""
    store: Any = open_store(SQLITE, root)
    context_type = store.put_context_type(pb.ContextType(name="pipeline"))
    store.put_context_type(pb.ContextType(name="pipeline_run"))
    store.put_contexts([pb.Context(type_id=context_type, name="learners")])
    context = store.get_context_by_type_and_name("pipeline", "learners")
    found = []
    for version in versions:
        model = _execution(store, context, "Trainer", [], "Model", {})
        pushed = {"pushed_version": str(version), "pushed_destination": f"/models/{version}"}
        found.append(_execution(store, context, "Pusher", [model], "PushedModel", pushed))
    return [one.id for one in found]


def _execution(
    store: Any, context: Any, node: str, takes: list[Any], gives: str, properties: dict[str, str]
) -> Any:
    execution = pb.Execution(
        type_id=store.put_execution_type(pb.ExecutionType(name=node)), last_known_state=pb.Execution.COMPLETE
    )
    execution.custom_properties["penstock_node"].string_value = node
    made = pb.Artifact(
        type_id=store.put_artifact_type(pb.ArtifactType(name=gives)), uri=f"/{node}", state=pb.Artifact.LIVE
    )
    for key, value in properties.items():
        made.custom_properties[key].string_value = value
    pairs = [(one, _event(pb.Event.INPUT)) for one in takes] + [(made, _event(pb.Event.OUTPUT))]
    _, ids, _ = store.put_execution(execution, pairs, [context])
    return store.get_artifacts_by_id([ids[-1]])[0]


def _event(kind: int) -> Any:
    event = pb.Event(type=kind)
    event.path.steps.add(key="model")
    return event


def test_the_history_of_the_model_shows_its_promotion(tmp_path: Path) -> None:
    one, two = push(tmp_path, 1, 2)
    said = record_transition(SQLITE, tmp_path, "learners", PROMOTED)
    assert f"pushed model {two}" in said
    lineage = MlmdLineage(SQLITE, tmp_path, "learners")
    promotion = lineage.executions()[-1]
    assert (promotion.node, promotion.state, promotion.inputs) == (
        "Promotion",
        "COMPLETE",
        {"pushed_model": (two,)},
    )
    assert promotion.properties["before"] == 1
    assert promotion.properties["verdict"] == "promote new"
    assert promotion.properties["anyway"] is True
    assert [step.node for step in trace(lineage, find_model(lineage, "2")).forth] == ["Pusher", "Promotion"]
    assert [step.node for step in trace(lineage, find_model(lineage, "1")).forth] == ["Pusher"]
    assert one != two


def test_a_rollback_is_recorded_for_the_version_that_answers_again(tmp_path: Path) -> None:
    one, _ = push(tmp_path, 1, 2)
    record_transition(
        SQLITE, tmp_path, "learners", {**PROMOTED, "kind": "rolled_back", "version": 1, "before": None}
    )
    last = MlmdLineage(SQLITE, tmp_path, "learners").executions()[-1]
    assert (last.node, last.inputs) == ("Rollback", {"pushed_model": (one,)})


@pytest.mark.parametrize(
    ("pipeline", "version", "seen"),
    [("learners", 9, "no such model"), ("others", 2, "no such model"), ("learners", None, "not known")],
    ids=["version", "pipeline", "unknown version"],
)
def test_what_was_never_pushed_is_not_recorded(
    tmp_path: Path, pipeline: str, version: int | None, seen: str
) -> None:
    push(tmp_path, 1, 2)
    with pytest.raises(MetadataError, match=seen):
        record_transition(SQLITE, tmp_path, pipeline, {**PROMOTED, "version": version})
    assert len(MlmdLineage(SQLITE, tmp_path, "learners").executions()) == 4


def test_without_a_store_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="no lineage"):
        record_transition(SQLITE, tmp_path, "learners", PROMOTED)
    assert not (tmp_path / "metadata.db").exists()
