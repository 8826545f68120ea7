"""The objective and its direction; no TensorFlow."""

from __future__ import annotations

import pytest

from components.tuner.config import TuneConfig, check_objective, direction_of
from foundation.errors import SpecError


@pytest.mark.parametrize(
    ("objective", "direction"),
    [("val_loss", "min"), ("val_auc", "max"), ("val_rmse", "min"), ("val_top_3_accuracy", "max")],
)
def test_direction(objective: str, direction: str) -> None:
    assert direction_of(objective) == direction


def test_unknown_objective_names_the_near_miss() -> None:
    with pytest.raises(SpecError, match="did you mean 'val_auc'"):
        check_objective("val_acu", "binary")


def test_search_values_are_lists_or_ranges() -> None:
    search = TuneConfig.model_validate({"search": {"dropout": [0.0, 0.5], "l2": {"min": 0, "max": 1}}}).search
    assert search["dropout"].choice == [0.0, 0.5]
    assert (search["l2"].min, search["l2"].max) == (0, 1)
