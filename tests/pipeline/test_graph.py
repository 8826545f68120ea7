"""Which nodes a document gives, and what changes their fingerprints."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.node import Inputs
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph, make_graph
from tests.pipeline.conftest import DOCUMENT, resolved

ALL = {
    "MongoExampleGen", "StatisticsGen", "SchemaInferrer", "ExampleValidator", "ValidationGate", "Transform", "Trainer",
    "BaselineModel", "Evaluator", "InfraValidator", "EvaluationGate", "Pusher",
}  # fmt: skip


def test_first_run_infers_the_schema(graph_of: Callable[..., Graph]) -> None:
    assert set(graph_of().ids) == ALL


def test_reviewed_schema_replaces_the_inferred_one(graph_of: Callable[..., Graph]) -> None:
    assert set(graph_of(schema="feature {}").ids) == ALL - {"SchemaInferrer"} | {"ImportSchemaGen"}


def test_a_model_is_served_before_it_is_pushed_unless_told_otherwise(graph_of: Callable[..., Graph]) -> None:
    assert "InfraValidator" in graph_of().node("Pusher").inputs
    without = graph_of(infra_validation=False)
    assert set(without.ids) == ALL - {"InfraValidator"}
    assert "InfraValidator" not in without.node("Pusher").inputs


def test_nothing_is_served_without_push_unless_requested(graph_of: Callable[..., Graph]) -> None:
    assert "InfraValidator" not in graph_of(push=None).ids
    assert "InfraValidator" in graph_of(push=None, infra_validation={}).ids


def test_every_node_comes_after_what_it_depends_on(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(
        tune={},
        previous=True,
        validate={"drift": {"country": {"l_infinity": 0.1}}},
        train={"warm_start": True},
    )
    for place, node in enumerate(graph):
        assert set(node.inputs + node.after) <= set(graph.ids[:place])


def test_drift_is_only_computed_with_earlier_statistics(graph_of: Callable[..., Graph]) -> None:
    checks = {"drift": {"country": {"l_infinity": 0.1}}}
    assert "DistributionValidator" in graph_of(previous=True, validate=checks).ids
    assert "DistributionValidator" not in graph_of(previous=False, validate=checks).ids


def changed(before: Graph, after: Graph) -> set[str]:
    return {i for i in before.ids if before.fingerprints[i] != after.fingerprints[i]}


@pytest.mark.parametrize(
    ("sections", "nodes"),
    [
        pytest.param({"push": {"to": "elsewhere"}}, {"Pusher"}, id="push target"),
        pytest.param({"push": {"to": "served", "keep_versions": 9}}, set(), id="how many versions are kept"),
        pytest.param(
            {"evaluate": {"metrics": ["auc"], "slices": ["country"], "gates": {"auc": 0.8}}},
            {"EvaluationGate", "Pusher"},
            id="gate",
        ),
        pytest.param(
            {"train": {"steps": 9}},
            {"Trainer", "BaselineModel", "Evaluator", "InfraValidator", "EvaluationGate", "Pusher"},
            id="training",
        ),
        pytest.param(
            {"infra_validation": {"gates": {"memory_mb": 500}}},
            {"InfraValidator", "Pusher"},
            id="serving gate",
        ),
        pytest.param({"infra_validation": {"timeout_seconds": 9}}, set(), id="patience"),
        pytest.param({"validate": {"on_anomaly": "warn"}}, {"ValidationGate"}, id="validation"),
    ],
)
def test_a_change_affects_what_it_can_change_and_nothing_else(
    graph_of: Callable[..., Graph], sections: dict[str, Any], nodes: set[str]
) -> None:
    assert changed(graph_of(), graph_of(**sections)) == nodes


def test_new_data_affects_every_node(graph_of: Callable[..., Graph]) -> None:
    assert changed(graph_of(), graph_of(data=resolved("f2"))) == ALL


def test_another_privacy_key_or_rule_gives_different_data(graph_of: Callable[..., Graph]) -> None:
    base = graph_of().fingerprints["MongoExampleGen"]
    assert graph_of(key="12345678").fingerprints["MongoExampleGen"] != base
    data = {**DOCUMENT["data"], "privacy": {"quasi_identifiers": ["country"]}}
    spec = PipelineSpec.model_validate({**DOCUMENT, "data": data})
    assert _data_settings(spec) != _data_settings(PipelineSpec.model_validate(DOCUMENT))


def _data_settings(spec: PipelineSpec) -> Any:
    return make_graph(spec, Inputs(Path("/"), resolved())).node("MongoExampleGen").settings


def test_user_code_counts_by_content_including_its_imports(
    graph_of: Callable[..., Graph], tmp_path: Path
) -> None:
    (tmp_path / "model.py").write_text("import layers\ndef build_model(): ...\n")
    (tmp_path / "layers.py").write_text("UNITS = 1\n")
    (tmp_path / "unrelated.py").write_text("A = 1\n")
    before = graph_of(model="model.py:build_model")
    (tmp_path / "unrelated.py").write_text("A = 2\n")
    assert changed(before, graph_of(model="model.py:build_model")) == set()
    (tmp_path / "layers.py").write_text("UNITS = 2\n")
    assert "Trainer" in changed(before, graph_of(model="model.py:build_model"))


def test_planning_imports_no_tensorflow() -> None:
    code = "import sys, pipeline.runs.session, pipeline.cli.main; print({'tensorflow','tfx','apache_beam'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
