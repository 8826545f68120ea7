"""Three lines of scikit-learn on the same rows: guessing, a linear model, boosted trees."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

_MOST_CATEGORIES = 255


def scores(
    table: pd.DataFrame, label: str, positive: str | None, task: str, test: np.ndarray
) -> dict[str, float]:
    """Returns ``constant``, ``linear`` and ``trees`` → AUC, accuracy or root mean squared error on the test rows.

    Args:
        table: All rows.
        label: The column to predict.
        positive: Text of the positive class of a binary task; None for 1 or true.
        task: ``binary``, ``multiclass`` or ``regression``.
        test: Which rows are test; the others are fitted; bool [rows].
    """
    inputs = _dates_as_numbers(table.drop(columns=label))
    texts = [name for name in inputs.columns if inputs[name].dtype == object]
    inputs = inputs.drop(columns=[name for name in texts if inputs[name].nunique() > len(inputs) / 2])
    y = table[label].to_numpy()
    if task == "binary":
        wanted = {"1", "true"} if positive is None else {positive.lower()}
        y = np.array([str(value).lower() in wanted for value in y], int)
    return {name: _score(model, inputs, y, task, test) for name, model in _models(inputs, task).items()}


def _dates_as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Replaces each date by year, month, weekday and hour, where they differ."""
    columns = {}
    for name in table.columns:
        if str(table[name].dtype).startswith("datetime"):
            parts = {part: getattr(table[name].dt, part) for part in ("year", "month", "dayofweek", "hour")}
            columns |= {f"{name}_{part}": values for part, values in parts.items() if values.nunique() > 1}
        else:
            columns[name] = table[name]
    return pd.DataFrame(columns)


def _models(inputs: pd.DataFrame, task: str) -> dict[str, object]:
    texts = [name for name in inputs.columns if inputs[name].dtype == object]
    numbers = [name for name in inputs.columns if name not in texts]
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    linear = make_column_transformer((scaled, numbers), (OneHotEncoder(handle_unknown="ignore"), texts))
    few = [name for name in texts if inputs[name].nunique() < _MOST_CATEGORIES]
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    ids = make_column_transformer((ordinal, few), ("passthrough", numbers))
    if task == "regression":
        return {
            "constant": DummyRegressor(),
            "linear": make_pipeline(linear, Ridge()),
            "trees": make_pipeline(ids, HistGradientBoostingRegressor(random_state=0)),
        }
    return {
        "constant": DummyClassifier(),
        "linear": make_pipeline(linear, LogisticRegression(max_iter=2000)),
        "trees": make_pipeline(ids, HistGradientBoostingClassifier(random_state=0)),
    }


def _score(model: object, inputs: pd.DataFrame, y: np.ndarray, task: str, test: np.ndarray) -> float:
    model.fit(inputs[~test], y[~test])  # type: ignore[attr-defined]
    if task == "regression":
        return float(mean_squared_error(y[test], model.predict(inputs[test])) ** 0.5)  # type: ignore[attr-defined]
    if task == "multiclass":
        return float(accuracy_score(y[test], model.predict(inputs[test])))  # type: ignore[attr-defined]
    return float(roc_auc_score(y[test], model.predict_proba(inputs[test])[:, 1]))  # type: ignore[attr-defined]
