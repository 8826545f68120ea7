"""Dataflow as an engine: checked for each node, named after run, node and attempt, and its costs told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.mongo_example_gen.config import DataConfig
from foundation.errors import PenstockError
from pipeline.document.loader import load
from pipeline.document.models import PipelineSpec, RunConfig
from pipeline.engines import checking
from pipeline.engines.base import Context
from pipeline.engines.dataflow.engine import RUNNER, DataflowEngine
from pipeline.preflight.remarks import located
from tests.pipeline.conftest import DOCUMENT
from tests.pipeline.engines.dataflow.test_checks import RIGHT

MIXED = {"default": "dataflow", "MongoExampleGen": "local"}


def document(beam: object = "dataflow", root: str = "gs://my-bucket/root", **options: str) -> PipelineSpec:
    run = {"beam": beam, "beam_args": [*RIGHT.values(), *options.values()]}
    # The root is set past its own check: this is about engines.
    spec = PipelineSpec.model_validate({**DOCUMENT, "run": run})
    return spec.model_copy(update={"root": root})


def test_an_attempt_has_a_job_of_its_own() -> None:
    run = RunConfig(beam="dataflow", beam_args=list(RIGHT.values()))
    context = Context("taxi", "2026-01-01T00:00:00+00:00", "Transform", attempt=2)
    args = DataflowEngine().args(run, context)
    assert args[0] == f"--runner={RUNNER}"
    assert args[1].startswith("--job_name=taxi-transform-")
    assert args[1].endswith("-a2")
    assert {"--labels=penstock-node=transform", "--labels=penstock-attempt=2"} <= set(args[2:6])
    assert args[6:] == run.beam_args


def test_nodes_whose_workers_need_something_of_this_machine_are_refused_and_named() -> None:
    spec = document()
    nodes = ["MongoExampleGen", "StatisticsGen", "Transform", "Evaluator", "InferExampleGen", "BulkInferrer"]
    assert checking.remarks(spec, nodes) == []
    rules = {"privacy": {"rules": {"email": "hash"}}}
    hashed = spec.model_copy(update={"data": DataConfig.model_validate({**DOCUMENT["data"], **rules})})
    said = [str(one) for one in checking.remarks(hashed, nodes)]
    assert [text.partition(" cannot")[0].rpartition(" ")[2] for text in said] == [
        "MongoExampleGen",
        "InferExampleGen",
    ]
    assert "its workers would need the key of PENSTOCK_PRIVACY_KEY, which no job carries" in said[0]
    assert "say run: {beam: {default: dataflow, MongoExampleGen: local}}" in said[0]


def test_what_is_wrong_is_told_once_for_all_nodes() -> None:
    said = checking.remarks(
        document(MIXED, root=".penstock", more="--num_workers=9"), ["StatisticsGen", "Transform"]
    )
    assert len(said) == 2
    assert all(one.certain for one in said)


def test_files_of_options_are_looked_for_beside_the_document(tmp_path: Path) -> None:
    spec = document(MIXED, more="--requirements_file=runtime.txt")
    assert len(checking.remarks(spec, ["Transform"], tmp_path)) == 1
    (tmp_path / "runtime.txt").touch()
    assert checking.remarks(spec, ["Transform"], tmp_path) == []
    args = DataflowEngine().args(spec.run, Context("taxi", "r", "Transform", home=tmp_path))
    assert f"--requirements_file={tmp_path}/runtime.txt" in args


def test_what_is_wrong_is_told_with_its_place_in_the_document(tmp_path: Path) -> None:
    text = yaml.safe_dump(
        {**DOCUMENT, "run": {"beam": "dataflow", "beam_args": ["--dry_run"]}}, sort_keys=False
    )
    (tmp_path / "pipeline.yaml").write_text(text)
    loaded = load([tmp_path / "pipeline.yaml"])
    said = [str(one) for one in located(loaded, checking.remarks(loaded.spec, ["Transform"], tmp_path))]
    assert len(said) == 7  # one of them is a suspicion
    line = 1 + text.splitlines().index("  - --dry_run")
    assert all(f"pipeline.yaml:{line}:" in one or "run.beam_args" not in one for one in said), said


def test_a_node_that_the_service_would_refuse_asks_it_nothing() -> None:
    run = RunConfig(beam="dataflow", beam_args=["--project=123"])
    with (
        pytest.raises(PenstockError, match="project id, not its number"),
        DataflowEngine().started(run, Context("t")),
    ):
        pass


@pytest.mark.parametrize(
    ("beam", "lines"),
    [pytest.param("local", 0, id="local"), pytest.param(MIXED, 1, id="some nodes on Dataflow")],
)
def test_the_costs_of_engines_that_are_paid_for_are_told(beam: object, lines: int) -> None:
    said = checking.costs(document(beam), ["MongoExampleGen", "StatisticsGen", "Transform"])
    assert len(said) == lines
    assert all("at most 8" in line for line in said)
