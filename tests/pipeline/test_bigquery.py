"""BigQuery instead of an export: the graph, the checks, and the compiled pipeline; without network access."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.bigquery_example_gen.config import BigQueryConfig
from components.bigquery_example_gen.source import resolve_query
from components.node import Inputs
from foundation.document.problems import SpecErrors
from pipeline.document.checks import check
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph, make_graph
from tests.pipeline.conftest import DOCUMENT

QUERY = "SELECT user_id, lessons, country, retained FROM shop.learners WHERE day <= '2024-01-31'"
DATA: dict[str, Any] = {
    "bigquery": {"query": QUERY, "project": "acme", "temp_location": "gs://acme-tmp/penstock"},
    "label": "retained",
    "split": {"by": "user_id", "train": 6, "validation": 1, "test": 3},
}


def spec_with(**data: Any) -> PipelineSpec:
    """The document with BigQuery as its source."""
    return PipelineSpec.model_validate({**DOCUMENT, "data": {**DATA, **data}})


def around(spec: PipelineSpec, folder: Path) -> Inputs:
    """What that document refers to."""
    assert spec.data.bigquery
    return Inputs(folder, resolve_query(spec.data.bigquery))


def graph_for(folder: Path, **data: Any) -> Graph:
    """The graph of that document."""
    spec = spec_with(**data)
    return make_graph(spec, around(spec, folder))


def test_the_source_takes_the_place_of_the_export(tmp_path: Path) -> None:
    graph = graph_for(tmp_path)
    assert "MongoExampleGen" not in graph.ids
    for node in ("StatisticsGen", "Transform", "Trainer", "Evaluator", "ValidationGate"):
        assert "BigQueryExampleGen" in graph.node(node).inputs


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"bigquery": {"query": QUERY + " "}}, True),
        ({"split": {"by": "country"}}, True),
        ({"bigquery": {"query": QUERY, "project": "other"}}, False),
    ],
    ids=["query", "split", "who pays"],
)
def test_only_changes_to_the_rows_cause_rereading(
    tmp_path: Path, change: dict[str, Any], again: bool
) -> None:
    before, after = graph_for(tmp_path), graph_for(tmp_path, **change)
    differs = before.fingerprints["BigQueryExampleGen"] != after.fingerprints["BigQueryExampleGen"]
    assert differs is again


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mongo_export": "x"}, "two data sources"),
        ({"bigquery": None}, "no data source"),
        ({"privacy": {}}, "data.privacy has no effect on BigQuery"),
        ({"changes": {}}, "data.changes has no effect on BigQuery"),
        ({"fields": {"a.b": {}}}, "a column of a query keeps its name"),
        ({"fields": {"a": {"to": "b"}}}, "rename it in the query with AS"),
        ({"split": {"by": "a.b"}}, "a dotted path, but BigQuery has columns"),
        ({"split": {"by": "user_id", "stratify": "country"}}, "TFX splits only by hash"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_without_effect_on_bigquery_are_errors(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecErrors, match=message):
        check(spec_with(**data))


def test_the_valid_document_passes() -> None:
    check(spec_with(fields={"lessons": {"type": "int"}}))


def test_a_query_is_needed() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        BigQueryConfig(query="")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The intermediate representation of the document."""
    from components.node import Build, Places
    from pipeline.build import build, compile_ir

    folder = tmp_path_factory.mktemp("bigquery")
    spec = spec_with()
    at = Build(spec, around(spec, folder), Places(folder / "root", folder / "tuning"))
    graph = make_graph(spec, at.inputs)
    return compile_ir(build(spec.name, graph, at), graph)


@pytest.fixture
def node(compiled: Any) -> Callable[[str], Any]:
    """Finds a node of the intermediate representation."""
    return lambda name: next(n.pipeline_node for n in compiled.nodes if n.pipeline_node.node_info.id == name)


@pytest.mark.component
def test_the_compiled_node_is_tfxs_own_with_query_and_splits(node: Callable[[str], Any]) -> None:
    gen = node("BigQueryExampleGen")
    assert gen.node_info.type.name.endswith("big_query.example_gen.component.BigQueryExampleGen")
    values = {name: p.field_value.string_value for name, p in gen.parameters.parameters.items()}
    assert json.loads(values["input_config"])["splits"][0]["pattern"] == QUERY
    split = json.loads(values["output_config"])["split_config"]
    assert split["partition_feature_name"] == "user_id"
    assert [(s["name"], s["hash_buckets"]) for s in split["splits"]] == [
        ("train", 6),
        ("validation", 1),
        ("test", 3),
    ]


@pytest.mark.component
def test_everything_downstream_uses_its_examples(node: Callable[[str], Any]) -> None:
    for name in ("StatisticsGen", "Transform", "Trainer", "Evaluator", "ValidationGate"):
        (channel,) = node(name).inputs.inputs["examples"].channels
        assert channel.producer_node_query.id == "BigQueryExampleGen"


@pytest.mark.component
def test_beam_gets_project_and_temporary_folder(compiled: Any) -> None:
    from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

    config = pipeline_pb2.IntermediateDeploymentConfig()
    compiled.deployment_config.Unpack(config)
    spec = executable_spec_pb2.BeamExecutableSpec()
    config.executor_specs["BigQueryExampleGen"].Unpack(spec)
    arguments = [a.value if hasattr(a, "value") else a for a in spec.beam_pipeline_args]
    assert set(map(str, arguments)) >= {"--project=acme", "--temp_location=gs://acme-tmp/penstock"}
