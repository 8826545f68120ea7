"""Labels are counted from when the data of the last training was read, and announced once for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.announce.airflow import Airflow
from pipeline.announce.labels import Training, last_training, new_labels
from pipeline.announce.news import announce
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from tests.pipeline.announce.double import AirflowDouble


def executed(
    number: int, node: str, started: float, inputs: dict, outputs: dict, state: str = "COMPLETE"
) -> Execution:
    return Execution(number, node, state, {}, f"r{number}", started, started + 1, inputs, outputs)


READ = executed(1, "MongoExampleGen", 100.0, {}, {"examples": (1,)})
TRAINED = executed(2, "Trainer", 150.0, {"examples": (1,)}, {"model": (2,), "model_run": (3,)})
ARTIFACTS = [
    Artifact(n, kind, "/a", "LIVE") for n, kind in enumerate(["Examples", "Model", "Run", "Model"], 1)
]


def lineage(*executions: Execution) -> MemoryLineage:
    return MemoryLineage(list(executions), ARTIFACTS)


def test_what_counts_is_when_the_data_was_read_not_when_it_was_trained_on():
    assert last_training(lineage(READ, TRAINED)) == Training("r2", 100.0)
    cached = executed(3, "MongoExampleGen", 400.0, {}, {"examples": (1,)}, "CACHED")
    again = executed(4, "Trainer", 500.0, {"examples": (1,)}, {"model": (4,)})
    assert last_training(lineage(READ, TRAINED, cached, again)) == Training("r4", 100.0)


def test_what_did_not_train_is_no_training():
    assert last_training(lineage(READ)) is None
    others = [
        executed(3, "MongoExampleGen", 300.0, {}, {"examples": (9,)}),
        executed(4, "Trainer", 310.0, {"examples": (9,)}, {}, "FAILED"),
        executed(5, "Trainer", 320.0, {"examples": (1,)}, {"model": (2,)}, "CACHED"),
    ]
    assert last_training(lineage(READ, TRAINED, *others)) == Training("r2", 100.0)


def test_they_are_announced_once_for_a_training_and_again_for_as_many_more(
    server: AirflowDouble, airflow: Airflow
) -> None:
    training = Training("r2", 1_790_000_000.25)

    def sent(count: int, after: Training | None = training, name: str = "e") -> bool:
        return announce(airflow, "learners", new_labels([name], count, 500, after)).sent

    assert [sent(620), sent(640), sent(1119), sent(1120), sent(1121)] == [True, False, False, True, False]
    assert sent(620, name="another")
    assert [sent(700), sent(501, replace(training, read_at=1_790_000_001.0)), sent(500, None), sent(501, None)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert server.extras("labels")[0] == {
        "labels": 620, "since": "2026-09-21T14:13:20.250000+00:00", "experiments": ["e"], "from_rest_api": True,
    }  # fmt: skip


def test_events_of_others_are_no_reason_to_be_silent(server: AirflowDouble, airflow: Airflow) -> None:
    server.put("labels", labels=900)
    assert announce(airflow, "learners", new_labels(["e"], 500, 500, None)).sent


@pytest.mark.parametrize("count", [499, 0])
def test_fewer_than_were_announced_are_the_same_news(
    server: AirflowDouble, airflow: Airflow, count: int
) -> None:
    announce(airflow, "learners", new_labels(["e"], 620, 500, None))
    assert not announce(airflow, "learners", new_labels(["e"], count, 500, None)).sent  # some were forgotten
