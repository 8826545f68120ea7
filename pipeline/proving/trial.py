"""Trainings of the document's model on some of its rows, apart from any run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from components.trainer.config import Task
    from components.trainer.data import TransformedSplit
    from components.trainer.settings import TrainingSettings
    from components.trainer.transform_graph import TransformGraph

STEPS = 300
"""Steps of a training between two questions."""
_RATE = 0.01
_ROWS_A_QUESTION = 4096


@dataclass(frozen=True)
class Trial:
    """The document's model and its rows.

    Attributes:
        graph: The Transform graph.
        settings: The document's settings.
        values: Label value of each class.
        split: The rows.
    """

    graph: TransformGraph
    settings: TrainingSettings
    values: list[str]
    split: TransformedSplit

    @property
    def task(self) -> Task:
        """The task of the model."""
        return self.settings.model.task

    @property
    def classes(self) -> int:
        """Number of classes of a multi-class label; 1 for other tasks."""
        return len(self.values) if self.task == "multiclass" else 1

    def some(self, rows: np.ndarray) -> TransformedSplit:
        """Returns some of the rows by their numbers."""
        from components.trainer.data import TransformedSplit

        columns = {name: np.array(column[rows]) for name, column in self.split.features.items()}
        return TransformedSplit(columns, self.split.labels[rows], 0)

    def answers(self, learnt: np.ndarray, asked: np.ndarray, free: bool) -> Iterator[np.ndarray]:
        """Trains a new model and yields what it says of some rows after every ``STEPS`` more, without end.

        Args:
            learnt: Numbers of the rows to learn.
            asked: Numbers of the rows to ask it.
            free: Whether it is freed of dropout and penalties, to learn by heart.

        Yields:
            Probabilities or numbers, ``[rows, outputs]``.

        Raises:
            DataError: The loss is no longer a number.
        """
        from components.trainer.data import validation_batches
        from components.trainer.fitting.seeds import seed_everything
        from components.trainer.fitting.training import fit
        from components.trainer.run_fn import build_model

        settings, rows = self._settings(len(learnt), free), self.some(learnt)
        seed_everything(settings.train.seed)
        model = build_model(self.graph, settings, self.values, self.split)
        own = self.graph.matrices.unpack if settings.model.build_model else None
        questions = validation_batches(self.some(asked), _ROWS_A_QUESTION, own or dict)
        while True:
            fit(model, settings.train, (rows, rows), None, None, own=own)
            yield model.predict(questions, verbose=0)

    def _settings(self, rows: int, free: bool) -> TrainingSettings:
        from components.trainer.recipe import Size

        model = self.settings.model
        train: dict[str, Any] = {
            "steps": STEPS,
            "epochs": None,
            "steps_per_epoch": STEPS,
            "early_stopping": None,
            "devices": None,
            "learning_rate": _RATE,
            "weight_decay": 0.0,
        }
        if free:
            train["batch_size"] = rows
            model = model.model_copy(update={} if model.build_model else {"dropout": 0.0, "l2": 0.0})
        return dataclasses.replace(
            self.settings, model=model, train=self.settings.train.model_copy(update=train)
        ).for_table(Size.of(rows, self.graph.features))
