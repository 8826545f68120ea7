"""The list of modes: a new one is a file beside this one and a line here."""

from __future__ import annotations

from typing import Final

from serving.experiments.modes.epsilon_greedy import EpsilonGreedy
from serving.experiments.modes.linear import Linear
from serving.experiments.modes.mode import Mode
from serving.experiments.modes.shadow import Shadow
from serving.experiments.modes.split import Split
from serving.experiments.modes.thompson import Thompson
from serving.experiments.modes.ucb import Ucb

MODES: Final[dict[str, type[Mode]]] = {
    mode.type: mode for mode in (Split, Shadow, Thompson, EpsilonGreedy, Ucb, Linear)
}
"""Name in the document → mode."""
