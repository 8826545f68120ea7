"""How often the interval of a model's difference to the simple models holds the truth, and how often the words are wrong.

``python benchmarks/statistics/references.py`` prints a Markdown table. The linear baseline is fitted by Trainer's own code on a
train split of 3,000 rows; true differences are those on half a million rows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from components.evaluation_gate.beside import outcome_of
from components.evaluation_gate.result import Interval
from components.evaluator import scores
from components.evaluator.metrics import METRICS
from components.evaluator.values import SliceValues
from components.trainer.matrices import IDS, NUMBERS
from components.trainer.references.fitting import References, fit_references

SEED = 11
TRAIN = 3000
POPULATION = 500_000
ASKED = {"binary": ["auc", "accuracy", "log_loss"], "regression": ["rmse", "mae"]}
FEATURES: Any = [
    SimpleNamespace(name="country", kind="id", size=5, vocabulary=()),
    SimpleNamespace(name="x", kind="vector", size=2, vocabulary=()),
]
EFFECTS = np.array([-0.5, -0.2, 0.0, 0.3, 0.6])


@dataclass(frozen=True)
class World:
    """Rows of users; what a user is like is in the label and in no feature."""

    task: str
    country: np.ndarray
    x: np.ndarray
    users: np.ndarray
    labels: np.ndarray

    @property
    def signal(self) -> np.ndarray:
        """What the features tell: linear in one, not in the other."""
        return self.x[:, 0] + 1.2 * np.abs(self.x[:, 1]) - 1 + EFFECTS[self.country]

    @property
    def split(self) -> Any:
        """The rows as Trainer has them."""
        matrices = {IDS: self.country[:, np.newaxis], NUMBERS: self.x.astype(np.float32)}
        return SimpleNamespace(features=matrices, labels=self.labels, rows=len(self.labels))


def draw(rng: np.random.Generator, task: str, users: int, each: int) -> World:
    """Returns rows; those of one user share a part of their label."""
    rows = users * each
    country, x = rng.integers(0, 5, rows), rng.normal(size=(rows, 2))
    own = np.repeat(rng.normal(size=users), each) if each > 1 else rng.normal(size=rows)
    world = World(task, country, x, np.repeat(np.arange(users), each), np.empty(0))
    score = world.signal + 0.7 * own
    labels = score + rng.normal(size=rows)
    if task == "binary":
        labels = (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(float)
    return World(task, country, x, world.users, labels)


Model = Callable[[World], np.ndarray]


def as_output(task: str, score: np.ndarray) -> np.ndarray:
    """Returns probabilities of scores, or numbers as they are."""
    return 1 / (1 + np.exp(-score)) if task == "binary" else score


def linear_of(fitted: References) -> Model:
    """Returns the linear reference as it is served."""
    linear = fitted.linear
    assert linear is not None

    def predict(world: World) -> np.ndarray:
        matrix = linear.design.matrix(world.split.features, np.arange(len(world.labels)))
        return as_output(world.task, linear.scores(matrix)[:, 0])

    return predict


def models(rng: np.random.Generator, task: str) -> tuple[dict[str, Model], dict[str, Model]]:
    """Returns the models to judge, and the references that stand beside them."""
    train, other, held = (draw(rng, task, TRAIN, 1) for _ in range(3))
    fitted = fit_references(task, FEATURES, (train.split, held.split), 1, SEED)  # type: ignore[arg-type]
    twin = fit_references(task, FEATURES, (other.split, held.split), 1, SEED)  # type: ignore[arg-type]
    constant = float(fitted.constant[0])
    judged: dict[str, Model] = {
        "knows the curve": lambda world: as_output(task, 0.9 * world.signal),
        "linear, other rows": linear_of(twin),
        "wavers": lambda world: as_output(
            task,
            (0.75 if task == "binary" else 1.0)
            * (world.x[:, 0] + EFFECTS[world.country] + 0.5 * np.sin(5 * world.x[:, 1])),
        ),
        "constant as well": lambda world: np.full(len(world.labels), as_output(task, np.array(0.02)).item()),
    }
    beside: dict[str, Model] = {
        "linear": linear_of(fitted),
        "constant": lambda world: np.full(len(world.labels), constant),
    }
    return judged, beside


def values_of(world: World, predictions: np.ndarray, independent: bool) -> SliceValues:
    """Returns a model's metrics as the Evaluator computes them."""
    asked = ASKED[world.task]
    groups = (world.users * 2654435761 % 2**32) % 1024
    columns = scores.row_columns(world.task, world.labels, predictions, asked)
    ranked = (predictions, world.labels, groups) if scores.needs_order(asked) else None
    return SliceValues(world.task, asked, scores.GroupSums.of(columns, groups), ranked, independent)


@dataclass(frozen=True)
class Outcome:
    """What became of one metric's intervals, as shares of the repetitions."""

    truth: float
    held: float
    told_apart: float
    wrong: float
    width: float


def measure(
    task: str, name: str, reference: str, users: int, each: int, repeats: int, population: int = POPULATION
) -> dict[str, Outcome]:
    """Returns metric → how its intervals stand to the true difference."""
    rng = np.random.default_rng([SEED, users, each])
    judged, beside = models(rng, task)
    own, other = judged[name], beside[reference]

    def gains(world: World, independent: bool) -> dict[str, Any]:
        mine, theirs = (values_of(world, model(world), independent) for model in (own, other))
        return mine.changes_from(theirs, same=False)

    whole = draw(rng, task, population, 1)
    truth = {metric: gain.value for metric, gain in gains(whole, True).items()}
    seen = [gains(draw(rng, task, users, each), each == 1) for _ in range(repeats)]
    return {metric: summed_up(metric, truth[metric], [one[metric] for one in seen]) for metric in truth}


def summed_up(metric: str, truth: float, seen: list[Any]) -> Outcome:
    """Returns how intervals stand to the true difference, and the words to the true order."""
    better = METRICS[metric].higher_is_better is True
    ends = np.array([(one.low, one.high) for one in seen])
    words = [outcome_of(Interval(one.value, one.low, one.high), better) for one in seen]
    really = "better" if (truth > 0) == better else "worse"
    return Outcome(
        truth=truth,
        held=float(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()),
        told_apart=float(np.mean([word in ("better", "worse") for word in words])),
        wrong=float(np.mean([word in ("better", "worse") and word != really for word in words])),
        width=float(np.median(ends[:, 1] - ends[:, 0])),
    )


def cases() -> Iterator[tuple[str, str, str, int, int]]:
    """Yields task, model, reference, users and rows of each."""
    for task in ASKED:
        for users, each in ((200, 1), (2400, 1), (300, 8)):
            for name in ("knows the curve", "linear, other rows", "wavers"):
                yield task, name, "linear", users, each
            yield task, "knows the curve", "constant", users, each
            yield task, "constant as well", "constant", users, each


def main() -> None:
    """Prints the table."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(
        "| test rows | model | beside | metrics | true difference | holds the truth | told apart | wrong word |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for task, name, reference, users, each in cases():
        found = measure(task, name, reference, users, each, max(20, int(400 * scale)))
        size = f"{users} users × {each}" if each > 1 else f"{users:,}"
        several = found.values()
        truths = " / ".join(f"{one.truth:.4f}" for one in several)
        held, apart, wrong = (
            " / ".join(f"{share:.1%}" for share in shares)
            for shares in zip(*((one.held, one.told_apart, one.wrong) for one in several), strict=True)
        )
        print(
            f"| {size} | {name} | {reference} | {' / '.join(found)} | {truths} | **{held}** | {apart} | {wrong} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
