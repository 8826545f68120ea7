"""What a plan decides, and the reasons it gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.pusher.ledger import fingerprint
from components.pusher.result import Entry, Ledger, PushResult
from components.tuner.result import Limits, Trial, Trials
from foundation.errors import SpecError
from pipeline.graph import Graph
from pipeline.lineage.records import Artifact
from pipeline.lineage.store import MemoryLineage
from pipeline.plan import Selection, make_plan
from tests.pipeline.conftest import history_of, resolved

Make = Callable[..., Graph]


def actions(graph: Graph, lineage: MemoryLineage, **selection: Any) -> dict[str, str]:
    return {
        n.node.id: n.action
        for n in make_plan(graph, lineage, Selection(**selection)).nodes
        if n.action != "resolve"
    }


def reason(graph: Graph, lineage: MemoryLineage, node: str) -> str:
    return next(n.reason for n in make_plan(graph, lineage).nodes if n.node.id == node)


def test_everything_runs_the_first_time(graph_of: Make) -> None:
    plan = make_plan(graph_of(), MemoryLineage())
    assert {n.action for n in plan.nodes if not n.node.resolver} == {"run"}
    assert plan.seconds is None


def test_nothing_runs_when_nothing_changed(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    plan = make_plan(graph, history_of(graph, tmp_path))
    assert plan.to_run == []
    assert plan.seconds == 0


def test_a_changed_gate_reruns_from_the_gate_on(graph_of: Make, tmp_path: Path) -> None:
    lineage = history_of(graph_of(), tmp_path)
    after = graph_of(evaluate={"metrics": ["auc"], "slices": ["country"], "gates": {"auc": 0.9}})
    assert [n.node.id for n in make_plan(after, lineage).to_run] == ["EvaluationGate", "Pusher"]
    assert reason(after, lineage, "EvaluationGate") == "its settings in the document changed"
    assert reason(after, lineage, "Pusher") == "its inputs changed"


def test_new_data_is_the_reason(graph_of: Make, tmp_path: Path) -> None:
    lineage = history_of(graph_of(), tmp_path)
    assert reason(graph_of(data=resolved("f2")), lineage, "MongoExampleGen") == "what it reads changed"


def test_the_reason_is_told_from_the_nearest_of_several_documents(graph_of: Make, tmp_path: Path) -> None:
    one, other = graph_of(), graph_of(train={"epochs": 9}, push={"to": "elsewhere"})
    runs = [history_of(one, tmp_path / "one"), history_of(other, tmp_path / "other", "r2", first=101)]
    lineage = MemoryLineage(
        [e for run in runs for e in run.executions()],
        list(runs[0].artifacts().values()),
    )
    after = graph_of(push={"to": "third"})
    assert reason(after, lineage, "Pusher") == "its settings in the document changed"


def pushed(graph: Graph, folder: Path, result: PushResult) -> MemoryLineage:
    """A lineage in which the Pusher left a result."""
    lineage = history_of(graph, folder)
    made = [
        replace(e, outputs={"pushed_model": e.outputs["out"]}) if e.node == "Pusher" else e
        for e in lineage.executions()
    ]
    result.write(next(Path(a.uri) for a in lineage.artifacts().values() if "/Pusher/" in a.uri))
    return MemoryLineage(made, list(lineage.artifacts().values()))


def test_a_push_counts_as_done_while_its_version_is_served(graph_of: Make, tmp_path: Path) -> None:
    for number, content in ((1, "own"), (2, "another's")):
        (tmp_path / "served" / str(number)).mkdir(parents=True)
        (tmp_path / "served" / str(number) / "saved_model.pb").write_text(content)
    own, other = (fingerprint(tmp_path / "served" / n) for n in "12")
    Ledger({1: Entry(own, 1.0), 2: Entry(other, 2.0, run="r9")}).write(tmp_path / "served")
    graph = graph_of()
    lineage = pushed(graph, tmp_path, PushResult(True, version=1, fingerprint=own))
    (only,) = make_plan(graph, lineage).to_run
    assert only.reason == "version 2 of run r9 is served, which holds another model"
    Ledger({1: Entry(own, 1.0), 2: Entry(other, 2.0, pinned=True)}).write(tmp_path / "served")
    plan = make_plan(graph, lineage)
    assert plan.to_run == []
    assert plan.notes[0].startswith("Pusher: version 2 stays served, as it is pinned")


def test_a_lost_result_is_recreated(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    lineage = history_of(graph, tmp_path)
    shutil.rmtree(tmp_path / "Transform")
    decided = actions(graph, lineage)
    assert (decided["Transform"], decided["Trainer"], decided["StatisticsGen"]) == ("run", "run", "cached")
    assert "no longer on disk" in reason(graph, lineage, "Transform")


def again(
    lineage: MemoryLineage, node: str, content: str, was: str, folder: Path, **properties: Any
) -> MemoryLineage:
    """The lineage after a node ran by itself once more; ``was`` is what its first result held."""
    first = next(e for e in lineage.executions() if e.node == node)
    (made,) = {i for ids in first.outputs.values() for i in ids}
    Path(lineage.artifacts()[made].uri, "content").write_text(was)
    folder.mkdir()
    (folder / "content").write_text(content)
    later = replace(first, id=500, outputs=dict.fromkeys(first.outputs, (501,)), run="r2")
    artifact = replace(lineage.artifacts()[made], id=501, uri=str(folder), properties=properties)
    return MemoryLineage([*lineage.executions(), later], [*lineage.artifacts().values(), artifact])


def test_a_node_runs_again_once_what_it_reads_has_another_content(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    lineage = again(history_of(graph, tmp_path), "InfraValidator", "fit", "not fit", tmp_path / "later")
    assert [n.node.id for n in make_plan(graph, lineage).to_run] == ["Pusher"]
    assert reason(graph, lineage, "Pusher") == "InfraValidator has another result since"


def test_the_same_content_made_again_changes_nothing(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    lineage = again(history_of(graph, tmp_path), "InfraValidator", "fit", "fit", tmp_path / "later")
    assert make_plan(graph, lineage).to_run == []


def test_an_artifact_with_another_verdict_is_another_one(graph_of: Make, tmp_path: Path) -> None:
    graph, lineage = graph_of(), history_of(graph_of(), tmp_path)
    lineage = again(lineage, "InfraValidator", "fit", "fit", tmp_path / "later", blessed=1, tfx_version="1")
    assert [n.node.id for n in make_plan(graph, lineage).to_run] == ["Pusher"]


def test_everything_behind_a_node_that_ran_alone_runs_again(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    lineage = again(history_of(graph, tmp_path), "Trainer", "other weights", "weights", tmp_path / "later")
    running = {n.node.id for n in make_plan(graph, lineage).to_run}
    assert running == {"Evaluator", "InfraValidator", "EvaluationGate", "Pusher"}


def test_a_failed_execution_is_not_trusted(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    lineage = history_of(graph, tmp_path)
    broken = [replace(e, state="FAILED") if e.node == "Pusher" else e for e in lineage.executions()]
    lineage = MemoryLineage(broken, list(lineage.artifacts().values()))
    assert reason(graph, lineage, "Pusher") == "last execution: failed"


@pytest.mark.parametrize(
    ("selection", "running", "skipped"),
    [
        pytest.param({"only": "Trainer"}, {"Trainer"}, {"Evaluator", "InfraValidator", "EvaluationGate", "Pusher"}, id="only"),
        pytest.param({"start": "Evaluator"}, {"Evaluator", "EvaluationGate", "Pusher"}, set(), id="from"),
        pytest.param({"end": "Transform", "force": True}, {"MongoExampleGen", "StatisticsGen", "SchemaInferrer", "Transform"},
                     {"ExampleValidator", "ValidationGate", "Trainer", "Evaluator", "InfraValidator", "EvaluationGate",
                      "Pusher"}, id="to"),
    ],
)  # fmt: skip
def test_a_part_can_be_requested(
    graph_of: Make, tmp_path: Path, selection: dict[str, Any], running: set[str], skipped: set[str]
) -> None:
    graph = graph_of()
    decided = actions(graph, history_of(graph, tmp_path), **selection)
    assert {n for n, a in decided.items() if a == "run"} == running
    assert {n for n, a in decided.items() if a == "skip"} == skipped


def test_a_part_needs_what_comes_before(graph_of: Make) -> None:
    with pytest.raises(SpecError, match="MongoExampleGen, which it needs"):
        make_plan(graph_of(), MemoryLineage(), Selection(only="Trainer"))


def test_an_unknown_node_gets_a_near_miss(graph_of: Make) -> None:
    with pytest.raises(SpecError, match="did you mean 'Trainer'"):
        make_plan(graph_of(), MemoryLineage(), Selection(start="Triner"))


def blessed(lineage: MemoryLineage, model: int) -> MemoryLineage:
    blessing = Artifact(1000 + model, "ModelBlessing", "b", "LIVE", {"blessed": 1, "current_model_id": model})
    return MemoryLineage(lineage.executions(), [*lineage.artifacts().values(), blessing])


def test_a_model_blessed_after_training_does_not_retrain_itself(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of(train={"warm_start": True})
    lineage = history_of(graph, tmp_path)
    own = next(e for e in lineage.executions() if e.node == "Trainer").outputs["model"][0]
    assert actions(graph, blessed(lineage, own))["Trainer"] == "cached"


def test_another_blessed_model_causes_retraining(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of(train={"warm_start": True})
    lineage = history_of(graph, tmp_path)
    other = Artifact(500, "Model", str(tmp_path), "LIVE")
    lineage = MemoryLineage(lineage.executions(), [*lineage.artifacts().values(), other])
    assert actions(graph, blessed(lineage, 500))["Trainer"] == "run"
    assert "the blessed model, which has changed" in reason(graph, blessed(lineage, 500), "Trainer")


def test_the_estimate_comes_from_history(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of()
    plan = make_plan(graph, history_of(graph, tmp_path, seconds=4.0), Selection(start="Evaluator"))
    assert plan.seconds == pytest.approx(12.0)


def searched(graph: Graph, folder: Path, **changes: Any) -> MemoryLineage:
    """A lineage in which the search of a graph has run two trials."""
    lineage = history_of(graph, folder)
    (done,) = [e for e in lineage.executions() if e.node == "Tuner"]
    ((number,),) = done.outputs.values()
    trials = tuple(Trial(trial=str(i), status="COMPLETED", score=0.5) for i in range(2))
    found = Trials("val_loss", "min", "0", trials, **changes)
    found.write(lineage.artifacts()[number].uri)
    rest = [e for e in lineage.executions() if e is not done]
    search = replace(done, outputs={**done.outputs, "tuner_results": (number,)})
    return MemoryLineage([*rest, search], list(lineage.artifacts().values()))


def test_a_search_that_its_limit_ended_continues_once_the_limit_is_raised(
    graph_of: Make, tmp_path: Path
) -> None:
    short = {"trials": 20, "minutes": 0.1}
    lineage = searched(graph_of(tune=short), tmp_path, ended="minutes", limits=Limits(20, 0.1))
    assert actions(graph_of(tune=short), lineage)["Tuner"] == "cached"
    assert actions(graph_of(tune={"trials": 9, "minutes": 0.05}), lineage)["Tuner"] == "cached"
    more = graph_of(tune={"trials": 20, "minutes": 5})
    assert more.fingerprints == graph_of(tune=short).fingerprints
    decided = actions(more, lineage)
    assert (decided["Transform"], decided["Tuner"], decided["Trainer"]) == ("cached", "run", "run")
    said = reason(more, lineage, "Tuner")
    assert said == "its search continues: 5 minutes, not 0.1; 2 trials are kept"


def test_another_search_is_no_continuation(graph_of: Make, tmp_path: Path) -> None:
    lineage = searched(graph_of(tune={"trials": 2}), tmp_path, ended="trials", limits=Limits(2))
    other = graph_of(tune={"trials": 5, "seed": 7})
    assert reason(other, lineage, "Tuner") == "its settings in the document changed"
    assert "5 trials, not 2" in reason(graph_of(tune={"trials": 5}), lineage, "Tuner")


def test_predictions_are_made_again_once_another_model_is_the_blessed_one(
    graph_of: Make, tmp_path: Path
) -> None:
    infer = {"mongo_export": "new.jsonl", "to": "out"}
    graph = graph_of(infer=infer, new=resolved("n1"))
    lineage = history_of(graph, tmp_path)
    (trained,) = (e for e in lineage.executions() if e.node == "Trainer")
    (own,) = trained.outputs["model"]
    predicted = next(e for e in lineage.executions() if e.node == "BulkInferrer")
    earlier, later = str(tmp_path / "earlier"), str(tmp_path / "later")

    def planned(used: int, *blessed: int) -> str:
        others = [Artifact(900, "Model", earlier, "LIVE"), Artifact(901, "Model", later, "LIVE")]
        said = [
            Artifact(1000 + m, "ModelBlessing", "", "LIVE", {"current_model_id": m, "blessed": 1})
            for m in blessed
        ]
        executions = [
            replace(e, inputs={**e.inputs, "model": (used,)}) if e is predicted else e
            for e in lineage.executions()
        ]
        artifacts = [*lineage.artifacts().values(), *others, *said]
        return reason(graph, MemoryLineage(executions, artifacts), "BulkInferrer")

    cached = "unchanged since run r1"
    assert planned(own) == cached
    assert planned(own, own, 901) == cached  # it is this document's own
    assert planned(900, 900) == cached
    assert planned(900, 900, 901) == "another model is the blessed one now"
    assert planned(900, 900, own) == "another model is the blessed one now"


def test_a_damaged_record_of_a_search_makes_it_run_again(graph_of: Make, tmp_path: Path) -> None:
    graph = graph_of(tune={"trials": 2})
    lineage = searched(graph, tmp_path, ended="trials", limits=Limits(2))
    (file,) = tmp_path.rglob(Trials.FILE)
    file.write_text("{", encoding="utf-8")
    assert reason(graph, lineage, "Tuner") == "its record of the search is damaged"
