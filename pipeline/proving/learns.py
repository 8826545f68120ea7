"""The model learns: the loss of the newest run fell, it can learn a few rows by heart, and it learns more than chance.

What a model can learn by heart depends on its type: a linear one never learns rows that overlap. So it is held against
what a solver reaches with a linear model on the same rows, which every type of model can reach. Rows that it has not seen tell
whether what it learns of the inputs is about the label.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.trainer.result import TrainingHistory
from pipeline.proving.base import Finding, Project
from pipeline.proving.chance import chance_of
from pipeline.proving.trial import STEPS, Trial
from pipeline.runs.results import RunResults
from pipeline.runs.session import Session

ROWS = 32
"""Rows to learn by heart."""
ROUNDS = 10
"""Rounds of ``STEPS`` in which to learn them: a model that its author compiled may have a low learning rate."""
SHARE = 0.8
"""Share of what a linear model gains on them, over one answer for all, that has to be gained."""
UNSEEN = 2_000
"""Most rows that are parted in a half to learn and one to ask for."""
BY_CHANCE = 0.01
"""Highest probability that shuffled labels would fit as well."""
_NO_GAIN = 0.01
"""Share of the loss of one answer for all; inputs that gain less tell no rows apart."""
_LEAST = 1e-7


def prove(project: Project) -> Iterator[Finding]:
    """Yields whether the training loss fell, the model can learn a few rows, and what it learns holds for others."""
    session = project.session()
    record, results = project.newest(session)
    history = results.find(TrainingHistory)
    if history is None or not history.epochs:
        yield Finding("training", "no history", f"a training in run {record.id}", False)
        return
    yield from _fell(history)
    trial = _trial(session, results)
    yield by_heart(trial)
    yield unseen(trial)


def _fell(history: TrainingHistory) -> Iterator[Finding]:
    losses = [epoch["loss"] for epoch in history.epochs]
    if len(losses) < 2:
        yield Finding("training loss", f"{losses[0]:.4g} in one epoch", "two epochs to compare", False)
        return
    seen = f"{losses[0]:.4g} in the first epoch, {min(losses[1:]):.4g} at the lowest of {len(losses)}"
    yield Finding("training loss", seen, "falls", min(losses[1:]) < losses[0])


def by_heart(trial: Trial) -> Finding:
    """Returns whether a model, without what holds it back, gains on a few rows about what a linear one can, or more."""
    from components.trainer.references.fitting import loss, solved_loss

    rows = _few(trial.split.labels)
    few = trial.some(rows)
    constant = loss(trial.task, _constant(trial, few.labels), few.labels)
    linear = solved_loss(trial.task, trial.graph.features, few, trial.classes)
    what = f"{len(rows)} rows by heart"
    if constant - linear < _NO_GAIN * constant:
        seen = f"loss {constant:.4g} with one answer for all, {linear:.4g} of a linear model"
        return Finding(what, seen, "inputs that tell the rows apart", False)
    bound = constant - SHARE * (constant - linear)
    losses: list[float] = []
    for answers in itertools.islice(trial.answers(rows, rows, free=True), ROUNDS):
        losses.append(loss(trial.task, _scores(trial, answers), few.labels))
        if losses[-1] <= bound or losses[-1] >= min(losses[:-1], default=math.inf):
            break
    seen = (
        f"loss {losses[-1]:.4g} after {STEPS * len(losses):,} steps; one answer for all has {constant:.4g}, "
        f"a linear solver {linear:.4g}"
    )
    expected = f"at most {bound:.4g}, {SHARE:.0%} of the way to the solver's"
    return Finding(what, seen, expected, losses[-1] <= bound)


def unseen(trial: Trial) -> Finding:
    """Returns whether a model that has learnt half of the rows answers for the others better than by chance."""
    asked, learnt = _halves(trial.split.labels)
    # Not the other way round as well: both fits depend on the same products of the halves, so their sum would vary more by
    # chance than shuffled labels do.
    answers = next(trial.answers(learnt, asked, free=False))
    found = chance_of(trial.task, answers, trial.split.labels[asked])
    fit = "rank correlation" if trial.task == "regression" else "probability of the own class"
    seen = (
        f"{fit} {found.fit:.3f}, {found.shuffled:.3f} with shuffled labels; as good by chance in "
        f"{found.probability:.1%} of cases"
    )
    what = f"{len(asked):,} unseen rows, by a model of {len(learnt):,} others"
    passed = found.probability <= BY_CHANCE
    fewer = len(trial.split.labels) < UNSEEN
    remedy = "; a weak link shows only in more rows: give a larger sample" if fewer and not passed else ""
    return Finding(what, seen, f"by chance in at most {BY_CHANCE:.0%}{remedy}", passed)


def _constant(trial: Trial, labels: np.ndarray) -> np.ndarray:
    """Returns the scores of the best single answer for all rows."""
    if trial.task == "multiclass":
        answer = np.bincount(labels.astype(np.int64), minlength=trial.classes) / len(labels)
    else:
        answer = np.array([labels.mean(dtype=np.float64)])
    return _scores(trial, np.tile(answer, (len(labels), 1)))


def _scores(trial: Trial, answers: np.ndarray) -> np.ndarray:
    """Returns the logits of probabilities; numbers as they are."""
    if trial.task == "regression":
        return answers
    clipped = np.clip(answers.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(clipped) if trial.task == "multiclass" else np.log(clipped / (1 - clipped))


def _few(labels: np.ndarray) -> np.ndarray:
    """Returns numbers of rows, of each label as many as there are rows for, at most ``ROWS`` in all."""
    order = np.argsort(labels, kind="stable")
    return order[np.unique(np.linspace(0, len(labels) - 1, ROWS).astype(np.int64))]


def _halves(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers of the rows of two halves that have the same labels, as nearly as can be."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(labels))[:UNSEEN]
    order = rows[np.argsort(labels[rows], kind="stable")]
    return order[0::2], order[1::2]


def _trial(session: Session, results: RunResults) -> Trial:
    from components.trainer.component import training_settings
    from components.trainer.data import load_split
    from components.trainer.run_fn import label_values
    from components.trainer.settings import TrainingSettings
    from components.trainer.transform_graph import TransformGraph

    spec, folder = session.loaded.spec, session.loaded.folder
    model = spec.model.absolute(folder)
    custom = training_settings(model, spec.train, spec.data.label, spec.features, folder)
    settings = TrainingSettings.from_custom_config(custom)
    graph = TransformGraph(str(_folder(results, "Transform", "transform_graph")), settings.label)
    files = [str(_folder(results, _source(results), "examples") / "Split-train" / "*")]
    split = load_split("train", files, graph, settings.model.task)
    return Trial(graph, settings, label_values(graph, settings), split)


def _source(results: RunResults) -> str:
    return next(node for node, key in results.artifacts if key == "examples" and node.endswith("ExampleGen"))


def _folder(results: RunResults, node: str, key: str) -> Path:
    folder = results.folder(node, key)
    assert folder is not None, f"a training has read {node}.{key}"
    return folder
