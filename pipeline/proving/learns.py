"""The model learns: the loss of the newest run fell, and the model can learn a few rows by heart.

A model that cannot even overfit 32 rows has a fault in its features, its labels or its loss that no data will cure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.trainer.result import TrainingHistory
from pipeline.proving.base import Finding, Project
from pipeline.runs.results import RunResults
from pipeline.runs.session import Session

ROWS = 32
"""Rows to learn by heart."""
STEPS = 300
SHARE = 0.5
"""Share of its first loss that is allowed to be left."""


def prove(project: Project) -> Iterator[Finding]:
    """Yields whether the training loss fell, and how much of the loss on a few rows is left."""
    session = project.session()
    record, results = project.newest(session)
    history = results.find(TrainingHistory)
    if history is None or not history.epochs:
        yield Finding("training", "no history", f"a training in run {record.id}", False)
        return
    yield from _fell(history)
    before, after = _by_heart(session, results)
    seen = f"loss {before:.4g} before, {after:.4g} after {STEPS} steps"
    yield Finding(
        f"{ROWS} rows by heart", seen, f"at most {SHARE:.0%} of the first loss", after <= SHARE * before
    )


def _fell(history: TrainingHistory) -> Iterator[Finding]:
    losses = [epoch["loss"] for epoch in history.epochs]
    if len(losses) < 2:
        yield Finding("training loss", f"{losses[0]:.4g} in one epoch", "two epochs to compare", False)
        return
    seen = f"{losses[0]:.4g} in the first epoch, {min(losses[1:]):.4g} at the lowest of {len(losses)}"
    yield Finding("training loss", seen, "falls", min(losses[1:]) < losses[0])


def _by_heart(session: Session, results: RunResults) -> tuple[float, float]:
    """Trains the document's model, without what holds it back, on a few rows; returns its loss before and after."""
    from components.trainer.component import training_settings
    from components.trainer.data import TransformedSplit, load_split
    from components.trainer.fitting.seeds import seed_everything
    from components.trainer.fitting.training import fit
    from components.trainer.recipe import Size
    from components.trainer.run_fn import build_model, label_values
    from components.trainer.settings import TrainingSettings
    from components.trainer.transform_graph import TransformGraph

    spec, folder = session.loaded.spec, session.loaded.folder
    model_slice = spec.model.absolute(folder)
    custom = training_settings(model_slice, spec.train, spec.data.label, spec.features, folder)
    settings = TrainingSettings.from_custom_config(custom)
    graph = TransformGraph(str(_folder(results, "Transform", "transform_graph")), settings.label)
    files = [str(_folder(results, _source(results), "examples") / "Split-train" / "*")]
    whole = load_split("train", files, graph, settings.model.task)
    rows = _few(whole.labels)
    few = TransformedSplit({n: np.array(c[rows]) for n, c in whole.features.items()}, whole.labels[rows], 0)
    free = {"dropout": 0.0, "l2": 0.0} if not settings.model.build_model else {}
    train = {
        "steps": STEPS,
        "epochs": None,
        "steps_per_epoch": STEPS // 60,
        "batch_size": len(rows),
        "early_stopping": None,
        "devices": None,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
    }
    settings = dataclasses.replace(
        settings, model=settings.model.model_copy(update=free), train=settings.train.model_copy(update=train)
    ).for_table(Size.of(whole.rows, graph.features))
    seed_everything(settings.train.seed)
    model = build_model(graph, settings, label_values(graph, settings), few)
    own = graph.matrices.unpack if settings.model.build_model else None
    history = fit(model, settings.train, (few, few), None, None, own=own)
    return history.epochs[0]["loss"], history.epochs[-1]["loss"]


def _few(labels: np.ndarray) -> np.ndarray:
    """Returns numbers of rows, of each label as many as there are rows for, at most ``ROWS`` in all."""
    order = np.argsort(labels, kind="stable")
    return order[np.unique(np.linspace(0, len(labels) - 1, ROWS).astype(np.int64))]


def _source(results: RunResults) -> str:
    return next(node for node, key in results.artifacts if key == "examples" and node.endswith("ExampleGen"))


def _folder(results: RunResults, node: str, key: str) -> Path:
    folder = results.folder(node, key)
    assert folder is not None, f"a training has read {node}.{key}"
    return folder
