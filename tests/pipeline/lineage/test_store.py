"""Lineage read from a real ML Metadata store in a SQLite file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from foundation.errors import MetadataError
from pipeline.document.models import MetadataConfig
from pipeline.lineage import tables
from pipeline.lineage.queries import has_earlier_statistics
from pipeline.lineage.store import MlmdLineage, connection_config, open_store
from pipeline.lineage.trace import find_model, trace

SQLITE = MetadataConfig()


class Recorder:
    """Writes executions to a real store as TFX does."""

    def __init__(self, root: Path) -> None:
        self.store: Any = open_store(SQLITE, root)
        kinds = [self.store.put_context_type(pb.ContextType(name=n)) for n in ("pipeline", "pipeline_run")]
        contexts = [pb.Context(type_id=k, name=n) for k, n in zip(kinds, ("learners", "r1"), strict=True)]
        self.contexts = self.store.put_contexts(contexts)

    def artifact(self, kind: str, **properties: int) -> tuple[Any, int]:
        type_id = self.store.put_artifact_type(pb.ArtifactType(name=kind))
        made = pb.Artifact(type_id=type_id, uri=f"/tmp/{kind}", state=pb.Artifact.LIVE)
        for key, value in properties.items():
            made.custom_properties[key].int_value = value
        return made, type_id

    def execution(
        self, node: str, takes: list[int], gives: list[Any], state: int = pb.Execution.COMPLETE
    ) -> list[int]:
        type_id = self.store.put_execution_type(pb.ExecutionType(name=f"components.x.{node}"))
        made = pb.Execution(type_id=type_id, last_known_state=state)
        made.custom_properties["penstock_node"].string_value = node
        pairs: list[Any] = []
        for artifact in takes:
            (taken,) = self.store.get_artifacts_by_id([artifact])
            pairs.append((taken, self._event(pb.Event.INPUT)))
        pairs += [(artifact, self._event(pb.Event.OUTPUT)) for artifact, _ in gives]
        contexts = self.store.get_contexts_by_id(self.contexts)
        _, artifacts, _ = self.store.put_execution(made, pairs, contexts)
        return list(artifacts[len(takes) :])

    @staticmethod
    def _event(kind: int) -> Any:
        event = pb.Event(type=kind)
        event.path.steps.add(key="model")
        return event


@pytest.fixture
def recorded(tmp_path: Path) -> MlmdLineage:
    recorder = Recorder(tmp_path)
    examples = recorder.execution("MongoExampleGen", [], [recorder.artifact("Examples", span=1)])
    statistics = recorder.execution(
        "StatisticsGen", examples, [recorder.artifact("ExampleStatistics", span=1)]
    )
    model = recorder.execution("Trainer", examples, [recorder.artifact("Model")])
    blessing = recorder.artifact("ModelBlessing", blessed=1, current_model_id=model[0])
    recorder.execution("EvaluationGate", [*model, *statistics], [blessing])
    return MlmdLineage(SQLITE, tmp_path, "learners")


def test_executions_have_their_run_and_links(recorded: MlmdLineage) -> None:
    nodes = [(e.node, e.run, e.state) for e in recorded.executions()]
    assert nodes == [
        (n, "r1", "COMPLETE") for n in ("MongoExampleGen", "StatisticsGen", "Trainer", "EvaluationGate")
    ]
    trainer = recorded.executions()[2]
    assert [recorded.artifacts()[i].type for i in trainer.outputs["model"]] == ["Model"]


def test_the_latest_blessed_model_is_traced_both_ways(recorded: MlmdLineage) -> None:
    whole = trace(recorded, find_model(recorded, None))
    assert [s.node for s in whole.back] == ["MongoExampleGen", "Trainer"]
    assert [s.node for s in whole.forth] == ["EvaluationGate"]


def test_statistics_of_an_earlier_span_are_found(recorded: MlmdLineage) -> None:
    known = (recorded.executions(), recorded.artifacts())
    assert has_earlier_statistics(*known, fingerprint="other", span=2)
    assert not has_earlier_statistics(*known, fingerprint="other", span=1)


def test_a_missing_store_is_empty(tmp_path: Path) -> None:
    assert MlmdLineage(SQLITE, tmp_path, "learners").executions() == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    open_store(SQLITE, tmp_path)
    with sqlite3.connect(tmp_path / "metadata.db") as database:
        database.execute("UPDATE MLMDEnv SET schema_version = 99")
    with pytest.raises(
        MetadataError, match="expected tables of version 10; seen: version 99; remedy: install the version"
    ):
        MlmdLineage(SQLITE, tmp_path, "learners").executions()


def test_a_file_that_is_not_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.db").write_bytes(b"not a database" * 100)
    with pytest.raises(MetadataError, match="ML Metadata store"):
        MlmdLineage(SQLITE, tmp_path, "learners").executions()


DATABASE = {"host": "db", "database": "mlmd", "user": "penstock"}


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_the_password_comes_from_the_environment_only(tmp_path: Path, kind: str) -> None:
    config = MetadataConfig.model_validate({kind: DATABASE})
    connection = connection_config(config, tmp_path, {"PENSTOCK_METADATA_PASSWORD": "s3cret"}.get)
    assert getattr(connection, kind).password == "s3cret"
    assert "s3cret" not in config.canonical_json()


def test_the_error_for_a_missing_password_names_its_variable(tmp_path: Path) -> None:
    config = MetadataConfig.model_validate({"mysql": DATABASE})
    with pytest.raises(MetadataError, match="PENSTOCK_METADATA_PASSWORD"):
        connection_config(config, tmp_path, {}.get)


def test_a_server_that_does_not_answer_is_a_clear_error_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", "s3cret")
    config = MetadataConfig.model_validate({"postgresql": {**DATABASE, "host": "127.0.0.1", "port": 1}})
    with pytest.raises(MetadataError, match=r"127\.0\.0\.1") as caught:
        open_store(config, tmp_path)
    assert "s3cret" not in str(caught.value)


def test_an_artifact_under_several_keys_is_found_under_each() -> None:
    from ml_metadata.proto import metadata_store_pb2 as pb

    from pipeline.lineage.store import _links

    event = pb.Event(type=pb.Event.INPUT, artifact_id=7, execution_id=3)
    for key in ("candidate", "model"):  # as TFX writes them
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
    assert _links([event])[0] == {3: {"candidate": [7], "model": [7]}}


@pytest.mark.parametrize("ask", [tables.check, tables.create, tables.upgrade])
def test_a_file_that_sqlite_has_not_written_is_named_and_left_alone(ask: Any, tmp_path: Path) -> None:
    file = tmp_path / "metadata.db"
    file.write_text("x" * 5000)
    with pytest.raises(MetadataError, match=r"metadata\.db.*a file of SQLite.*seen: another file"):
        ask(SQLITE, tmp_path)
    assert file.read_text() == "x" * 5000


def test_an_empty_file_is_a_store_without_tables(tmp_path: Path) -> None:
    (tmp_path / "metadata.db").touch()
    tables.create(SQLITE, tmp_path)
    assert tables.check(SQLITE, tmp_path).executions == 0
