"""Models in a real server process: a good one, one that does not load, ones that cost too much."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.errors import NodeError, SpecError

pytestmark = pytest.mark.component

Validate = Callable[..., SimpleNamespace]


def push(done: SimpleNamespace, folder: Path, blessed: bool = True) -> dict[str, Any]:
    """Runs the Pusher on the infra validator's result."""
    import json

    from tfx.types import standard_artifacts

    from components.pusher.config import PushConfig
    from components.pusher.executor import Executor

    blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
    blessing.set_int_custom_property("blessed", int(blessed))
    pushed.uri = str(folder / "pushed_model")
    inputs = {"model": [done.candidate], "blessing": [blessing], "infra_blessing": [done.blessing]}
    properties = {"config": PushConfig(to="serving").canonical_json(), "base_folder": str(folder)}
    Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return json.loads((folder / "pushed_model" / "pushed.json").read_text())


def test_a_good_model_is_blessed_measured_and_pushed_as_it_was_served(
    validate: Validate, served_models: SimpleNamespace, tmp_path: Path
) -> None:
    from tfx.components.util import model_utils

    from components.pusher.ledger import fingerprint
    from components.pusher.versions import versions

    done = validate(
        served_models.good,
        served_models.older,
        gates={"memory_mb": 4000, "latency_p99_ms": 60_000},
        measure="always",
    )
    report = done.report
    assert report["unmeasured"] == []
    assert model_utils.is_infra_validated(done.blessing)
    assert report["sentence"].startswith("Fit to serve: "), report
    assert report["signatures"] == {"serving_default": "asked", "serving_examples": "asked"}
    assert report["answers"]["compared"] == 2 * 2 * (40 + 2)
    assert report["answers"]["largest_difference"] < 1e-5
    measured = report["latency"]["measured"]
    places = [("gRPC", 1), ("gRPC", 32), ("REST", 1), ("REST", 32)]
    assert [(r["protocol"], r["rows"]) for r in measured] == places
    assert all(
        20 <= r["requests"] <= 1000 for r in measured
    )  # a gate on p99: more than asked, if there is time
    assert all(r["candidate"]["p50_ms"] > 0 for r in report["latency"]["measured"])
    assert report["notes"] == ["The blessed model has no serving_default; its latency is unknown."]
    assert report["memory_mb"]["server"] > 50
    assert (
        set(report["memory_mb"])
        == set(report["load_seconds"]) | {"server"}
        == {"server", "candidate", "blessed"}
    )
    assert {gate["outcome"] for gate in report["gates"]} == {"holds"}
    assert done.left == ["infra_validation.json", "server.log"]

    assert push(done, tmp_path)["pushed"]
    (version,) = versions(tmp_path / "serving")
    assert fingerprint(version.path) == fingerprint(done.model)
    assert version.entry.model == str(served_models.good / "Format-Serving")


def test_warm_up_requests_are_real_rows_without_ids_and_labels(
    validate: Validate, served_models: SimpleNamespace
) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    done = validate(
        served_models.good,
        served_models.good,
        warmup_requests=5,
        batch_sizes=[1, 3],
        requests=5,
        gates={"latency_p50_ms": {"not_worse_than_blessed_by": 60_000}},
    )
    assert done.report["unmeasured"] == ["memory"]
    file = done.model / "assets.extra" / "tf_serving_warmup_requests"
    records = [r.numpy() for r in tf.data.TFRecordDataset(str(file))]
    requests = [prediction_log_pb2.PredictionLog.FromString(r).predict_log.request for r in records]
    asked = [
        (r.model_spec.signature_name, next(iter(r.inputs.values())).tensor_shape.dim[0].size)
        for r in requests
    ]
    default, examples = "serving_default", "serving_examples"
    assert asked == [(default, 1), (examples, 1), (default, 3), (examples, 3), (default, 1)]
    features = [
        set(tf.train.Example.FromString(e).features.feature)
        for r in requests
        for e in r.inputs["examples"].string_val
    ]
    assert features
    assert set.union(*features) <= {"lessons", "topics"}
    assert all(r["blessed"]["p99_ms"] > 0 for r in done.report["latency"]["measured"])
    loaded = tf.saved_model.load(str(done.model))
    assert set(loaded.signatures) == {default, examples}


def test_without_a_gate_only_answers_are_compared(validate: Validate, served_models: SimpleNamespace) -> None:
    done = validate(served_models.good, served_models.older)
    assert done.report["blessed"]
    assert done.report["answers"]["compared"] == 2 * 2 * (40 + 2)
    assert done.report["unmeasured"] == ["latency", "memory", "the blessed model"]
    assert done.report["latency"]["measured"] == []
    assert done.report["memory_mb"] == {}
    assert set(done.report["load_seconds"]) == {"candidate"}


def test_a_model_that_does_not_load_is_refused_with_the_servers_reason(
    validate: Validate, served_models: SimpleNamespace, tmp_path: Path
) -> None:
    from tfx.components.util import model_utils

    done = validate(served_models.broken)
    assert not model_utils.is_infra_validated(done.blessing)
    sentence = done.report["sentence"]
    assert sentence.startswith("Not fit to serve: the server does not load it: ")
    assert "variables" in sentence, sentence
    assert "Traceback" not in sentence
    assert str(tmp_path) not in sentence
    assert not done.model.exists()
    told = push(done, tmp_path)
    assert told["pushed"] is False
    assert told["why"][0].startswith("it is not fit to serve: the server does not load it")
    assert not (tmp_path / "serving").exists()
    assert push(done, tmp_path, blessed=False)["why"][0] == "the model is not blessed"


def test_a_model_that_is_too_slow_or_too_large_is_refused_after_a_second_round(
    validate: Validate, served_models: SimpleNamespace
) -> None:
    gates = {"latency_p50_ms": {"at_most": 1e-6}, "memory_mb": {"at_most": 1e-6}}
    done = validate(served_models.good, batch_sizes=[1], requests=5, warmup_requests=0, gates=gates)
    assert done.report["latency"]["rounds"] == 3
    assert {g["outcome"] for g in done.report["gates"]} == {"fails"}
    assert "latency_p50_ms is" in done.report["sentence"]
    assert "must be ≤ 1e-06 ms" in done.report["sentence"]
    assert "memory_mb is" in done.report["sentence"]


def program(folder: Path, text: str) -> Path:
    file = folder / "tensorflow_model_server"
    file.write_text(text)
    os.chmod(file, 0o755)
    return file


def test_a_server_that_does_not_start_is_an_error_not_a_verdict(
    validate: Validate, served_models: SimpleNamespace, tmp_path: Path
) -> None:
    program(tmp_path, "#!/bin/sh\necho a library is missing >&2\nexit 3\n")
    with pytest.raises(NodeError, match=r"exit code 3: a library is missing.*the run's log"):
        validate(served_models.good, server="./tensorflow_model_server")
    assert not list((tmp_path / "report").glob(".work-*"))


def test_taken_ports_lead_to_a_retry(
    validate: Validate, served_models: SimpleNamespace, tmp_path: Path
) -> None:
    counted = tmp_path / "starts"
    program(tmp_path, f"#!/bin/sh\necho x >> {counted}\necho bind: Address already in use >&2\nexit 1\n")
    with pytest.raises(NodeError, match="Address already in use"):
        validate(served_models.good, server="./tensorflow_model_server")
    assert len(counted.read_text().split()) == 3


def test_a_missing_server_is_reported(validate: Validate, served_models: SimpleNamespace) -> None:
    with pytest.raises(SpecError, match="remedy: give its path, or write server: auto"):
        validate(served_models.good, server="./nowhere")


def test_a_folder_without_a_model_is_refused_without_starting_a_server(
    validate: Validate, tmp_path: Path
) -> None:
    (tmp_path / "empty" / "Format-Serving").mkdir(parents=True)
    assert validate(tmp_path / "empty").report["sentence"] == "Not fit to serve: it has no saved_model.pb."
