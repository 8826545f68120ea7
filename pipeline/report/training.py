"""Training curves and tuner trials for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.data import Curve, Trial

_NO_HYPERPARAMETERS = ("trial_id", "score")
_NO_CURVES = ("epoch", "seconds", "learning_rate")


def curves_of(content: Mapping[str, Any]) -> tuple[Curve, ...]:
    """Returns one curve per quantity of ``history.json``, the loss first; ``val_`` is the validation side."""
    epochs = content["epochs"]
    names = [
        name
        for name in (epochs[0] if epochs else {})
        if name not in _NO_CURVES and not name.startswith("val_")
    ]
    return tuple(
        Curve(name, _values(epochs, name), _values(epochs, f"val_{name}"))
        for name in sorted(names, key=lambda name: name != "loss")
    )


def trials_of(content: list[Mapping[str, Any]]) -> tuple[Trial, ...]:
    """Returns the trials of ``tuner_results.json``, which lists those that ended with a result, the best first."""
    return tuple(
        Trial(
            number=str(row["trial_id"]),
            score=row["score"],
            hyperparameters={
                name: row[name] for name in row if name not in _NO_HYPERPARAMETERS and "/" not in name
            },
            best=place == 0,
        )
        for place, row in enumerate(content)
    )


def _values(epochs: list[dict[str, float]], name: str) -> tuple[float, ...]:
    return tuple(epoch[name] for epoch in epochs if name in epoch)
