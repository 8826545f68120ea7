"""Compares what training chooses by itself with a regularised linear model, on public tables and several splits.

Run as ``python benchmarks/statistics/training.py [SPLITS]``; prints a Markdown table. The tables are scikit-learn's, as
arrays, without a pipeline: numbers are z-scored by the train split. ``benchmarks/first_hour`` measures whole runs.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.data import TransformedSplit
from components.trainer.features import FeatureDescription
from components.trainer.fitting.schedule import plan_schedule
from components.trainer.fitting.seeds import seed_everything
from components.trainer.fitting.training import compile_model, fit
from components.trainer.matrices import NUMBERS
from components.trainer.models.build import build
from components.trainer.models.scale import LabelScale
from components.trainer.recipe import Size
from components.trainer.settings import TrainingSettings

TASKS = {
    "iris": "multiclass",
    "wine": "multiclass",
    "digits": "multiclass",
    "breast_cancer": "binary",
    "diabetes": "regression",
}


def main() -> None:
    """Prints the table."""
    warnings.filterwarnings("ignore")
    splits = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(
        "| table (train rows) | metric | chosen by itself | linear | difference ± s.e. over splits | CPU s |"
    )
    print("|---|---|---|---|---|---|")
    for name, task in TASKS.items():
        found = [compare(name, task, seed) for seed in range(splits)]
        ours, linear, cpu = (np.array([one[key] for one in found]) for key in ("ours", "linear", "cpu"))
        difference = ours - linear
        error = difference.std(ddof=1) / splits**0.5
        metric = {"binary": "AUC", "multiclass": "accuracy", "regression": "RMSE"}[task]
        print(
            f"| {name} ({found[0]['rows']:,}) | {metric} | {ours.mean():.4g} | {linear.mean():.4g} "
            f"| {difference.mean():+.4g} ± {error:.2g} | {cpu.mean():.1f} |",
            flush=True,
        )


def compare(name: str, task: str, seed: int) -> dict[str, float]:
    """Trains both on one split of 7:1:2; the linear model sees the validation rows as well."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.RandomState(seed).permutation(len(y))
    cuts = [int(0.7 * len(y)), int(0.8 * len(y))]
    rows = dict(zip(("train", "validation", "test"), np.split(order, cuts), strict=True))
    mean, deviation = x[rows["train"]].mean(axis=0), x[rows["train"]].std(axis=0)
    x = ((x - mean) / np.where(deviation == 0, 1, deviation)).astype(np.float32)
    y = y.astype(np.int64 if task == "multiclass" else np.float32)
    parts = {part: TransformedSplit({NUMBERS: x[r]}, y[r], 0) for part, r in rows.items()}
    began = time.process_time()
    ours = predict(parts, task, int(y.max()) + 1 if task == "multiclass" else 1, seed)
    cpu = time.process_time() - began
    seen = np.concatenate([rows["train"], rows["validation"]])
    linear = linear_prediction(task, x[seen], y[seen], x[rows["test"]])
    truth = y[rows["test"]]
    return {
        "ours": score(task, truth, ours),
        "linear": score(task, truth, linear),
        "cpu": cpu,
        "rows": len(rows["train"]),
    }


def predict(parts: dict[str, TransformedSplit], task: str, classes: int, seed: int) -> np.ndarray:
    """Trains as Trainer does with a document that says only what the task is; returns predictions for the test rows."""
    columns = parts["train"].features[NUMBERS].shape[1]
    features = [FeatureDescription(f"x{i:02}", "number", 1) for i in range(columns)]
    train = parts["train"]
    settings = TrainingSettings(
        ModelConfigSlice.model_validate({"task": task}), TrainConfig(seed=seed), "y"
    ).for_table(Size.of(train.rows, features))
    seed_everything(seed)
    scale = LabelScale.of(train.labels) if task == "regression" else None
    model = build(settings.model, features, classes, {}, scale)
    steps = plan_schedule(settings.train, train.rows).total
    compile_model(model, settings.model.task, settings.train, steps if settings.decays else None, scale)
    fit(model, settings.train, (train, parts["validation"]), None, None)
    given: np.ndarray = np.asarray(model(parts["test"].features, training=False))
    return given if task == "multiclass" else given[:, 0]


def linear_prediction(task: str, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> Any:
    """Returns the linear model's predictions."""
    if task == "regression":
        return Ridge(1.0).fit(x, y).predict(test)
    given = LogisticRegression(C=1, max_iter=5_000).fit(x, y).predict_proba(test)
    return given if task == "multiclass" else given[:, 1]


def score(task: str, truth: np.ndarray, given: np.ndarray) -> float:
    """Returns AUC, accuracy or the root of the mean squared error."""
    if task == "binary":
        return float(roc_auc_score(truth, given))
    if task == "multiclass":
        return float((given.argmax(axis=1) == truth).mean())
    return float(np.sqrt(np.mean((given - truth) ** 2)))


if __name__ == "__main__":
    main()
