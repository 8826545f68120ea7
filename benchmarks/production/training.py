"""Steps a second of a training on one device, on two devices of one machine, and on two processes.

.venv/bin/python benchmarks/production/training.py [--write docs/distributed_training.md]

Each way trains the same wide-and-deep models on the same made-up rows, in turn, each in fresh processes. The floor is the
time of one device for half of each step's rows: no way of sharing a step in two can be quicker. On a machine with two cores, one
device uses both of them already where a step is large, so that there is nothing left to win: what is measured is the cost of
sharing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parents[1]), str(ROOT)]

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.telling import tell  # noqa: E402

STEPS = 200
ROWS = 8192
MARK = "training"
MODELS: dict[str, dict[str, Any]] = {
    "small: 2 × 128 units, 256 rows a step": {"hidden": [128, 128], "batch": 256},
    "large: 2 × 512 units, 1,024 rows a step": {"hidden": [512, 512], "batch": 1024},
}
WAYS = ("one device", "floor: one device, half the rows", "two devices", "two processes")


def train(way: str, hidden: list[int], batch: int) -> dict[str, float]:
    """Trains in this process, twice, and returns steps a second and CPU seconds of the second time."""
    import contextlib

    from components.trainer.config import DevicesConfig
    from components.trainer.distributed.strategy import make_strategy

    strategy = None
    if way == "two devices":
        strategy = make_strategy(DevicesConfig(count=2))
    elif way == "two processes":
        strategy = make_strategy(DevicesConfig(strategy="multi_worker"))

    import numpy as np

    from components.trainer.config import ModelConfigSlice, TrainConfig
    from components.trainer.data import TransformedSplit
    from components.trainer.features import FeatureDescription
    from components.trainer.fitting.seeds import seed_everything
    from components.trainer.fitting.training import compile_model, fit
    from components.trainer.models.build import build

    features = [FeatureDescription(f"x{number:02d}", "number", 1) for number in range(30)]
    drawn = np.random.default_rng(1)
    numbers = drawn.normal(size=(ROWS, 30)).astype(np.float32)
    split = TransformedSplit({"numbers": numbers}, (numbers[:, 0] > 0).astype(np.float32), 0)
    few = TransformedSplit({"numbers": numbers[:64]}, split.labels[:64], 0)
    model = ModelConfigSlice(hidden=hidden, dropout=0.1, l2=0.0, members=1)
    rows = batch // 2 if way.startswith("floor") else batch
    settings = {"steps": STEPS, "steps_per_epoch": STEPS // 2, "batch_size": rows, "learning_rate": 1e-3}
    config = TrainConfig.model_validate({**settings, "weight_decay": 0.0, "early_stopping": None})
    seed_everything(1)
    with strategy.scope() if strategy else contextlib.nullcontext():
        built = build(model, features, 1, {})
        compile_model(built, "binary", config)
        cpu = time.process_time()
        history = fit(built, config, (split, few), None, None)
    second = history.epochs[1]["seconds"]  # the first epoch traces
    return {"steps_a_second": STEPS / 2 / second, "cpu": time.process_time() - cpu}


def measured(way: str, hidden: list[int], batch: int) -> dict[str, float]:
    """Returns what the processes of a way measured; CPU is that of all."""
    from components.trainer.distributed.cluster import Cluster

    clusters = Cluster.local(2) if way == "two processes" else (None,)
    command = [sys.executable, str(HERE), "--one", json.dumps([way, hidden, batch])]
    started = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CONFIG": one.variable if one else "{}"},
        )
        for one in clusters
    ]
    found = [json.loads(one.communicate()[0].splitlines()[-1]) for one in started]
    return {"steps_a_second": found[0]["steps_a_second"], "cpu": sum(one["cpu"] for one in found)}


def table(repeats: int) -> str:
    lines = [
        f"{repeats} repeats in turn, median (smallest – largest); {STEPS // 2} steps after {STEPS // 2} that include tracing. {describe_machine()}.",
        "",
        "| model | way | steps a second | beside one device | CPU, all processes |",
        "|---|---|---:|---:|---:|",
    ]
    for name, one in MODELS.items():
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(repeats):
            for way in WAYS:
                found[way].append(measured(way, one["hidden"], one["batch"]))
        for way in WAYS:
            rates = [each["steps_a_second"] for each in found[way]]
            alone = [each["steps_a_second"] for each in found[WAYS[0]]]
            ratio = statistics.median(a / b for a, b in zip(rates, alone, strict=True))
            cpu = statistics.median(each["cpu"] for each in found[way])
            lines.append(
                f"| {name} | {way} | {statistics.median(rates):,.0f} ({min(rates):,.0f} – {max(rates):,.0f}) | {ratio:.2f}× | {cpu:.1f} s |"
            )
    return "\n".join(lines)


def main() -> int:
    """Prints a Markdown table of what each way takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", type=Path, help="Put the table into this page.")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(train(*json.loads(given.one))), flush=True)
        os._exit(0)  # TensorFlow's farewell waits for workers that may have left
    return tell(MARK, given.write, lambda: table(given.repeats))


if __name__ == "__main__":
    sys.exit(main())
