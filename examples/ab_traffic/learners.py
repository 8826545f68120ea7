"""Simulated learners with known behaviour: whom a reminder brings back, and whom it annoys.

The app asks the model how likely a learner comes back by itself, and sends a reminder to those who probably do not. A
reminder helps a learner who would not have come back and annoys one who would: so the better the model knows them, the more
come back. The true probability is that of ``examples/learner_retention/generate.py``, so each model's effect on the reward
can be computed.
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "learner_retention"))
from generate import documents, true_probability

REMIND_BELOW = 0.5
"""The app sends a reminder if the model's probability is lower."""
HELPS, ANNOYS = 0.45, -0.45
"""What a reminder adds to the probability of those below and above ``REMIND_BELOW`` in truth."""
SEED = 11
OBSERVED_SPAN = 2
"""Learners of the second week: neither model was trained on them."""


class Learner:
    """One learner who opens the app.

    Args:
        document: What the database says of the learner.
        number: Makes the unit's name unique.
    """

    def __init__(self, document: dict[str, Any], number: int) -> None:
        self.unit = f"learner-{number}"
        self.features = features(document)
        self._alone = true_probability(document)
        drawn = random.Random(f"{SEED}/{number}")
        self._luck, self.hurry = drawn.random(), drawn.random()

    def chance(self, probability: float) -> float:
        """Returns the true probability of coming back after the app has acted on a model's probability."""
        if probability >= REMIND_BELOW:
            return self._alone
        return min(1.0, max(0.0, self._alone + (HELPS if self._alone < REMIND_BELOW else ANNOYS)))

    def comes_back(self, probability: float) -> bool:
        """Returns whether the learner comes back; the same luck whatever the model says."""
        return self._luck < self.chance(probability)


def learners(count: int) -> list[Learner]:
    """Returns learners that are the same in each run."""
    return [
        Learner(document, number) for number, document in enumerate(documents(count, OBSERVED_SPAN, SEED))
    ]


def features(document: dict[str, Any]) -> dict[str, Any]:
    """Returns what the app sends to the model: the features of ``pipeline.yaml`` under their names there."""
    profile, stats = document["profile"], document["stats"]
    age = profile.get("age")
    found = {
        "country": profile["country"],
        "device": profile["device"],
        "age": None if age is None else int(age),
        "lessons": stats["lessons"],
        "minutes": float(stats["minutes"]),
        "streak": stats["streak"],
        "days_idle": stats["days_idle"],
        "mean_score": stats.get("mean_score"),
        "plan": document["plan"],
        "notifications": int(document["notifications"]),
    }
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in found.items()
    }
