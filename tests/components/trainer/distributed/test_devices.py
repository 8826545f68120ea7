"""Training on several devices against one: the same steps on the same rows, so the same model within rounding."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.component

TOLERANCE = 1e-5
"""Largest difference of a weight or of a number of an epoch; rounding left 1e-7."""
DECLARED = {"type": "wide_and_deep", "hidden": [8], "dropout": 0.2, "embedding": 2}
OWN = """
import keras

def build_model(features, hyperparameters):
    parts, inputs = [], {}
    for one in features:
        shape = (one.size,) if one.kind == "vector" else ()
        inputs[one.name] = keras.Input(shape, name=one.name, dtype="int64" if one.kind == "id" else "float32")
        if one.kind == "id":
            parts.append(keras.layers.Embedding(one.size, 2)(inputs[one.name]))
        else:
            parts.append(keras.layers.Reshape((one.size,))(inputs[one.name]))
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Concatenate()(parts))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
"""


def weights_of(run: SimpleNamespace) -> list[np.ndarray]:
    with np.load(run.keras / "weights.npz") as arrays:
        return [arrays[name] for name in arrays]


def assert_same(one: SimpleNamespace, other: SimpleNamespace) -> None:
    for a, b in zip(one.history["epochs"], other.history["epochs"], strict=True):
        assert {**a, "seconds": 0} == pytest.approx({**b, "seconds": 0}, rel=TOLERANCE, abs=TOLERANCE)
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(a, b, atol=TOLERANCE)


def test_two_devices_train_what_one_does(run_training: Any, learners: Any, serve: Any) -> None:
    settings: dict[str, Any] = {"model": DECLARED, "steps": 20, "weight_decay": 0.01}
    alone = run_training(name="alone", **settings)
    together = run_training(name="together", devices=2, **settings)
    assert_same(alone, together)
    documents = learners.documents["test"]
    one, other = (serve(run, documents)["probability"] for run in (alone, together))
    np.testing.assert_allclose(one, other, atol=TOLERANCE)


def test_workers_that_meet_by_tf_config_train_a_model_of_ones_own(
    run_training: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.trainer.distributed.cluster import TF_CONFIG, Cluster

    (tmp_path / "own.py").write_text(OWN)
    settings: dict[str, Any] = {"model": f"{tmp_path}/own.py:build_model", "steps": 10}
    alone = run_training(name="alone", **settings)
    chief, other = Cluster.local(2)
    worker = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli.main", "train-worker", "--root", str(tmp_path)],
        env={**os.environ, TF_CONFIG: other.variable},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        monkeypatch.setenv(TF_CONFIG, chief.variable)
        run = run_training(name="Trainer/run", devices={"strategy": "multi_worker"}, **settings)
        said, _ = worker.communicate(timeout=120)
    finally:
        worker.kill()
        worker.wait()
    assert (worker.returncode, said) == (0, "worker 1 of 2: the training has ended\n")
    assert_same(alone, run)
    assert not list((tmp_path / "Trainer" / "workers").iterdir())


def test_a_killed_worker_ends_the_others_and_leaves_no_model(run_training: Any, tmp_path: Path) -> None:
    from foundation.errors import NodeError

    found: list[int] = []
    killer = threading.Thread(target=lambda: found.extend(kill("worker-1.json")))
    killer.start()
    with pytest.raises(NodeError, match=r"worker-1 of 2 here.*exit code -9.*nothing was published"):
        run_training(name="lost", steps=10, devices={"strategy": "multi_worker", "workers": 2})
    killer.join()
    assert found
    assert not (tmp_path / "lost" / "model" / "Format-Serving").exists()
    assert not processes("worker-0.json")


def kill(argument: str) -> list[int]:
    """Kills the process with a text in its command line, once there is one."""
    for _ in range(3_000):
        if found := processes(argument):
            os.kill(found[0], signal.SIGKILL)
            return found
        time.sleep(0.1)
    return []


def processes(argument: str) -> list[int]:
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = one.read_bytes()
        except OSError:  # it has just ended
            continue
        if argument.encode() in text and b"distributed.worker" in text:
            found.append(int(one.parent.name))
    return found
