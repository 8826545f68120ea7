"""Which engine runs which node, and how a document names it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from foundation.document.problems import SpecErrors
from pipeline.document.loader import load
from pipeline.document.models import RunConfig
from pipeline.engines.base import Engine, engine_for
from pipeline.orchestrators import ENGINES

DOCUMENT = """\
name: taxi
data: {mongo_export: taxi.jsonl, label: tip}
features: {fare: zscore}
evaluate: {metrics: [auc], gates: none}
run: {beam: %s}
"""


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_of_the_list_carries_its_name(name: str) -> None:
    module, _, attribute = ENGINES[name].partition(":")
    engine = getattr(importlib.import_module(module), attribute)
    assert issubclass(engine, Engine)
    assert engine.name == name
    assert engine_for(RunConfig(beam=name), "Transform").name == name


def test_a_node_has_its_own_engine_or_the_default_one() -> None:
    run = RunConfig(beam={"default": "spark", "Transform": "flink"})
    assert [run.engine(node) for node in ("Transform", "Evaluator")] == ["flink", "spark"]
    assert RunConfig(beam={"Transform": "flink"}).engine("Evaluator") == "local"


@pytest.mark.parametrize(
    ("beam", "said"),
    [
        pytest.param("flnk", "did you mean 'flink'?", id="an engine"),
        pytest.param("{Transform: flnk}", "did you mean 'flink'?", id="a node's engine"),
        pytest.param("{Transfrom: flink}", "did you mean 'Transform'?", id="a node"),
        pytest.param("{defalt: flink}", "did you mean 'default'?", id="the default"),
        pytest.param("{Pusher: flink}", "Pusher has no Beam steps", id="a node without Beam"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_a_near_miss(beam: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(DOCUMENT % beam, encoding="utf-8")
    with pytest.raises(SpecErrors) as caught:
        load([file])
    assert said in str(caught.value)
    assert "pipeline.yaml:5" in str(caught.value)
