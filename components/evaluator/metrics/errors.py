"""Errors of a predicted number."""

from __future__ import annotations

from components.evaluator.metrics.base import Array, Sums, SumsMetric, mean_of

_REGRESSION = ("regression",)


def _root(sums: Sums) -> Array:
    import numpy as np

    return np.sqrt(mean_of("squared_error")(sums))


MSE = SumsMetric(
    tasks=_REGRESSION, higher_is_better=False, label="MSE", value=mean_of("squared_error"), kind="error"
)
RMSE = SumsMetric(tasks=_REGRESSION, higher_is_better=False, label="RMSE", value=_root, kind="root")
MAE = SumsMetric(
    tasks=_REGRESSION, higher_is_better=False, label="MAE", value=mean_of("absolute_error"), kind="error"
)
