"""Weights as the document's own mode moves them, for simulated units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.experiments.modes.mode import ArmRewards
from serving.experiments.modes.registry import MODES
from serving.experiments.statistics.simulate.streams import Allocate

if TYPE_CHECKING:
    import numpy as np

    from serving.experiments.modes.config import ModeConfig
    from serving.experiments.statistics.design import Design

    Array = np.ndarray[Any, Any]

_DRAWS = 512
"""Draws behind a probability of being best; fewer than in earnest, so that a simulation takes seconds."""


def allocation(config: ModeConfig, design: Design, rng: np.random.Generator, longer: float = 1.0) -> Allocate:
    """Returns the document's mode.

    Args:
        config: Its settings.
        design: The experiment.
        rng: Random numbers.
        longer: How many of the mode's intervals one simulated interval stands for; it may move as far as these.
    """
    import numpy as np

    step = min(1.0, config.step * longer)
    settings = config.model_copy(update={"step": step, "draws": min(config.draws, _DRAWS)})
    mode = MODES[config.type](settings, design.control, binary=design.binary)

    def allocate(counts: Array, totals: Array, squares: Array, current: Array) -> Array:
        shares = np.empty_like(current)
        for row, now in enumerate(current):
            arms = [
                ArmRewards(
                    arm, float(counts[row, number]), float(totals[row, number]), float(squares[row, number])
                )
                for number, arm in enumerate(design.arms)
            ]
            shares[row] = mode.allocate(arms, now.tolist(), rng)
        return shares

    return allocate
