"""Who trains together: ``TF_CONFIG``, where workers meet, shares, and what the document may say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.trainer.config import DevicesConfig, ModelConfigSlice, TrainConfig
from components.trainer.distributed import launch
from components.trainer.distributed.cluster import Cluster
from components.trainer.settings import TrainingSettings, with_even_steps
from foundation.errors import NodeError, SpecError

TWO = {"worker": ["a:1", "b:1"]}


def config(index: int, kind: str = "worker", cluster: object = TWO) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param(2, {"strategy": "mirrored", "count": 2, "workers": None}, id="number"),
        pytest.param("all", {"strategy": "mirrored", "count": "all", "workers": None}, id="all"),
        pytest.param(
            {"strategy": "multi_worker"},
            {"strategy": "multi_worker", "count": None, "workers": None},
            id="cluster",
        ),
    ],
)
def test_devices_may_be_a_number_or_a_strategy(given: object, wanted: object) -> None:
    assert DevicesConfig.model_validate(given).model_dump() == wanted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(0, "greater than or equal to 1", id="none"),
        pytest.param("some", "all", id="word"),
        pytest.param({"workers": 2}, "workers needs strategy: multi_worker", id="workers"),
        pytest.param({"strategy": "multi_worker", "count": 2}, "count is for strategy: mirrored", id="count"),
    ],
)
def test_what_does_not_fit_is_refused(given: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DevicesConfig.model_validate(given)


def test_the_first_worker_or_the_one_so_called_is_the_chief(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for text in (
        config(0),
        config(1),
        config(0, cluster={"chief": ["c:1"], **TWO}),
        config(0, "chief", {"chief": ["c:1"], **TWO}),
    ):
        monkeypatch.setenv("TF_CONFIG", text)
        found.append(Cluster.from_environment().is_chief)
    assert found == [True, False, False, True]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("", "seen: none", id="none"),
        pytest.param("{", "JSONDecodeError", id="no JSON"),
        pytest.param(config(2), "IndexError", id="no such worker"),
        pytest.param(config(0, cluster={**TWO, "ps": ["c:1"]}), "workers called ps", id="parameter server"),
    ],
)
def test_an_unusable_tf_config_is_told(text: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(SpecError, match=seen):
        Cluster.from_environment()


def test_the_chief_alone_runs_the_node_and_never_joins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TF_CONFIG", config(1))
    with pytest.raises(SpecError, match="penstock train-worker"):
        launch.train(
            {}, DevicesConfig(strategy="multi_worker"), tmp_path / "Trainer" / "model_run" / "1" / "workers"
        )
    monkeypatch.setenv("TF_CONFIG", config(0))
    with pytest.raises(SpecError, match="any but the chief"):
        launch.join(tmp_path, Cluster.from_environment(), 0, tmp_path)


def test_a_worker_whose_chief_does_not_come_says_what_to_do(tmp_path: Path) -> None:
    cluster = Cluster({"worker": ("a:1", "b:1")}, "worker", 1)
    with pytest.raises(NodeError, match="start the Trainer node on the chief"):
        launch.join(tmp_path, cluster, 0, tmp_path)


def test_all_workers_of_a_cluster_meet_at_one_file_and_no_others(tmp_path: Path) -> None:
    one, two = (Cluster({"worker": ("a:1", "b:1")}, "worker", index) for index in range(2))
    other = Cluster({"worker": ("a:1", "b:2")}, "worker", 0)
    assert launch.meeting_file(tmp_path, one) == launch.meeting_file(tmp_path, two)
    assert launch.meeting_file(tmp_path, one) != launch.meeting_file(tmp_path, other)


def settings(batch_size: int, chosen: bool) -> TrainingSettings:
    train = TrainConfig(batch_size=batch_size)
    return TrainingSettings(ModelConfigSlice(), train, "y", chosen={"train.batch_size": 1} if chosen else {})


def test_a_chosen_batch_is_made_even_and_a_given_one_is_not() -> None:
    assert with_even_steps(settings(64, chosen=True), 3).train.batch_size == 63
    assert with_even_steps(settings(64, chosen=False), 2).train.batch_size == 64
    with pytest.raises(SpecError, match=r"a multiple of 3.*remedy: write 63"):
        with_even_steps(settings(64, chosen=False), 3)
