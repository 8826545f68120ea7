"""How much of the label many features tell together: a small forest over all their readings, cross-fitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from components.validation_gate.leakage.evidence import matrix
from components.validation_gate.leakage.readings import Reading
from components.validation_gate.leakage.target import FOLDS, Target

_TREES = 60
_FEWEST_IN_LEAF = 2
_PRIOR = 0.5
"""Trees that vote for all classes alike beforehand."""


def forest_probabilities(features: Iterable[Sequence[Reading]], target: Target) -> np.ndarray:
    """Returns [n, K] balanced probabilities of each row's class by forests that were fitted without its fold."""
    from sklearn.ensemble import ExtraTreesClassifier

    found = [reading for readings in features for reading in readings]
    probabilities = np.full((len(target.labels), target.classes), 1 / target.classes)
    if not found:
        return probabilities
    table = matrix(found)
    for fold in range(FOLDS):
        inside, outside = target.folds == fold, target.folds != fold
        forest = ExtraTreesClassifier(
            _TREES, min_samples_leaf=_FEWEST_IN_LEAF, class_weight="balanced", n_jobs=1, random_state=0
        )
        votes = forest.fit(table[outside], target.labels[outside]).predict_proba(table[inside]) * _TREES
        probabilities[inside] = (votes + _PRIOR / target.classes) / (_TREES + _PRIOR)
    return probabilities
