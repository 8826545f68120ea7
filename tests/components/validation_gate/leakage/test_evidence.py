"""Areas, shares and their bounds against known values and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from components.validation_gate.leakage import evidence


def test_auc_of_known_scores() -> None:
    assert evidence.auc(np.array([1, 2, 2, 3.0]), np.array([False, True, False, True])) == pytest.approx(
        0.875
    )


@pytest.mark.parametrize("true", [0.8, 0.95, 0.99])
def test_the_interval_of_an_auc_holds_the_truth(true: float) -> None:
    rng, held = np.random.default_rng(0), 0
    positive = np.arange(300) < 60
    for _ in range(400):
        scores = rng.normal(size=300) + positive * np.sqrt(2) * norm.ppf(true)
        low, high = evidence.auc_interval(evidence.auc(scores, positive), 60, 240)
        held += low <= true <= high
    assert held >= 0.93 * 400


def test_an_area_of_one_has_an_interval_too() -> None:
    low, high = evidence.auc_interval(1.0, 12, 500)
    assert 0.7 < low < 0.98 and high == 1.0


def test_a_normal_feature_explains_what_its_area_says() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200_000) % 2
    apart = np.sqrt(2) * norm.ppf(0.97)
    odds = apart * (rng.normal(size=len(labels)) + (labels - 0.5) * apart)
    shares = np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], 1)
    share = evidence.information(shares, labels, 2)
    assert share.value == pytest.approx(evidence.normal_information(0.97), abs=0.005)
    assert share.low < share.value < share.low + 0.01


def test_few_rows_ask_for_more() -> None:
    assert evidence.is_above(0.99, 0.98, 1000, 1000)
    assert not evidence.is_above(0.99, 0.98, 15, 1000)
    assert evidence.is_above(1.0, 0.98, 15, 1000)
