"""Runs a document's own design on simulated units: what it would find, how long it would take, how often it would be wrong."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from foundation.errors import SpecError, near_miss
from serving.experiments.modes.mode import ContextualMode
from serving.experiments.modes.registry import MODES
from serving.experiments.statistics.simulate.modes import allocation
from serving.experiments.statistics.simulate.size import smallest_difference, units_for
from serving.experiments.statistics.simulate.streams import Interval, binary, fixed, moving, normal
from serving.experiments.statistics.simulate.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from serving.experiments.document.models import ExperimentConfig
    from serving.experiments.statistics.design import Design
    from serving.experiments.statistics.simulate.looks import Units

    Array = np.ndarray[Any, Any]

BUDGET = 6_000_000
"""Units that are simulated for each question; fewer experiments if each is large."""
MOST, LEAST = 300, 40
"""Simulated experiments."""
_INTERVALS = 100
"""The most changes of weights in a simulated experiment."""
LARGEST = 2_000_000
"""The most planned units that are simulated; beyond, memory and patience end and the formula answers."""
_AT_ONCE, _UNITS_AT_ONCE = 20, 400_000
GUESS, GUESSED_GAIN, GUESSED_DAYS = 0.1, 1.1, 14
"""Where nothing is given: control's mean reward, the others' relative to it, and the days that the planned units take."""


@dataclass(frozen=True)
class Assumed:
    """What is taken as true.

    Attributes:
        means: Each arm's mean reward.
        deviation: Standard deviation of rewards that are numbers.
        per_day: New units a day.
        guessed: What nobody gave: ``rates``, ``deviation``, ``per_day``.
    """

    means: Mapping[str, float]
    deviation: float
    per_day: float
    guessed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Simulated:
    """What the design does.

    Attributes:
        experiments: Simulated experiments behind each share.
        assumed: What is taken as true.
        best: The best arm; control if no other is better by more than the margin.
        right: Share of experiments that end with it: promoted, or control kept or not given up by the planned size.
        wrong: Share that promote another arm.
        early: Share with a verdict before the planned size.
        median_units: Units at the verdict, in the middle; the planned size where there is none.
        median_days: The same in days, with the reward's window.
        false_promotions: Share that promote an arm although all arms have control's mean.
        smallest: About the smallest difference of two arms that the planned size finds in 80% of experiments; None if the first
            look does not come in time.
        units_for_power: Units that find the assumed difference in 80%, about; None if there is none to find.
        moving: Whether the mode moves the weights; the two sizes before are for fixed ones, and moving ones need more.
        regret: Reward lost per 1,000 units against the best arm from the start, by the document's mode.
        regret_equal: The same with equal weights.
    """

    experiments: int
    assumed: Assumed
    best: str
    right: float
    wrong: float
    early: float
    median_units: int
    median_days: float
    false_promotions: float
    smallest: float | None
    units_for_power: int | None
    moving: bool
    regret: float
    regret_equal: float

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return asdict(self)


def assume(
    design: Design, rates: Mapping[str, float], deviation: float | None = None, per_day: float | None = None
) -> Assumed:
    """Returns what is taken as true: as given, else as planned, else guessed.

    Args:
        design: The experiment.
        rates: Arm → mean reward, over those of the document.
        deviation: Standard deviation of rewards.
        per_day: New units a day.
    """
    planned, guessed = design.planned, []
    given = {**planned.rates, **rates}
    control = given.get(design.control, GUESS)
    means = {
        arm: given.get(arm, control if arm == design.control or given else control * GUESSED_GAIN)
        for arm in design.arms
    }
    if design.control not in given:
        guessed.append("rates")
    spread = deviation or planned.deviation
    if spread is None and not design.binary:
        guessed.append("deviation")
    days = per_day or planned.per_day
    if days is None:
        guessed.append("per_day")
    return Assumed(
        means, spread or max(abs(control), 1e-9), days or planned.units / GUESSED_DAYS, tuple(guessed)
    )


def rates_of(given: Sequence[str], design: Design) -> dict[str, float]:
    """Reads ``ARM=MEAN`` options.

    Raises:
        SpecError: An arm is unknown, or a mean is not a number, or no share where rewards are 0 or 1.
    """
    found = {}
    for text in given:
        arm, _, mean = text.partition("=")
        if arm not in design.arms:
            known = list(design.arms)
            remedy = near_miss(arm, known)
            raise SpecError(
                f"--rate {text}", expected=f"ARM=MEAN, an arm of {', '.join(known)}", remedy=remedy
            )
        try:
            found[arm] = float(mean[:-1]) / 100 if mean.endswith("%") else float(mean)
        except ValueError as error:
            raise SpecError(
                f"--rate {text}", expected="ARM=MEAN such as old=5% or old=12.5", seen=mean
            ) from error
        if not math.isfinite(found[arm]) or (design.binary and not 0 <= found[arm] <= 1):
            raise SpecError(f"--rate {text}", expected="a mean that rewards can have", seen=mean)
    return found


def simulate(experiment: ExperimentConfig, design: Design, assumed: Assumed, seed: int = 0) -> Simulated:
    """Returns what the design does with units of known behaviour, and with arms that are all alike.

    Args:
        experiment: The experiment, for its mode and weights.
        design: The same for the statistics.
        assumed: What is taken as true.
        seed: Seed of everything random.

    Raises:
        SpecError: Its mode goes by features of requests, or no client sees more than one arm.
    """
    import numpy as np

    kind = MODES[experiment.mode.type]
    if issubclass(kind, ContextualMode) or experiment.mode.type == "shadow":
        raise SpecError(
            f"mode {experiment.mode.type}",
            expected="a mode whose weights follow rewards alone, or split",
            seen="one that goes by the features of requests" if kind.contextual else "copies without rewards",
            remedy="simulate another: --set experiments.NAME.mode=thompson",
        )
    if design.planned.units > LARGEST:
        found_by_formula = smallest_difference(
            design, assumed.means[design.control], assumed.deviation, experiment.shares()
        )
        raise SpecError(
            "planned.units",
            expected=f"at most {LARGEST:,} to simulate",
            seen=f"{design.planned.units:,}",
            remedy=f"by formula 80% of experiments of this size find a difference of about {found_by_formula:.3g}",
        )
    number = max(LEAST, min(MOST, BUDGET // design.planned.units))
    alike = Assumed(
        dict.fromkeys(design.arms, assumed.means[design.control]), assumed.deviation, assumed.per_day
    )
    found = [_Run(experiment, design, each, seed).experiments(number) for each in (assumed, alike)]
    (at, promoted, decided, arms), (_, false, _, _) = found
    best, gain = _best(design, assumed)
    wanted = design.arms.index(best) if best != design.control else -1
    means = np.array([assumed.means[arm] for arm in design.arms])
    lost = (means.max() if design.planned.better == "higher" else means.min()) - means
    median = int(np.median(at))
    smallest = smallest_difference(
        design, assumed.means[design.control], assumed.deviation, experiment.shares()
    )
    return Simulated(
        number,
        assumed,
        best,
        float((promoted == wanted).mean()),
        float(((promoted != wanted) & (promoted >= 0)).mean()),
        float(decided.mean()),
        median,
        median / assumed.per_day + design.window / 86400,
        float((false >= 0).mean()),
        smallest if math.isfinite(smallest) else None,
        units_for(design, gain, assumed.means[design.control], assumed.deviation, experiment.shares()),
        experiment.mode.learns,
        1000 * abs(float(arms @ lost)),
        1000 * abs(float(lost.mean())),
    )


def _best(design: Design, assumed: Assumed) -> tuple[str, float]:
    """Returns the best arm, and by how much it is better than the margin asks for; control if it is not."""
    sign = 1.0 if design.planned.better == "higher" else -1.0
    best = max(design.challengers, key=lambda arm: sign * assumed.means[arm])
    gain = sign * (assumed.means[best] - assumed.means[design.control]) - design.planned.margin
    return (best, gain) if gain > 0 else (design.control, 0.0)


class _Run:
    """Many experiments under one assumption."""

    def __init__(self, experiment: ExperimentConfig, design: Design, assumed: Assumed, seed: int) -> None:
        self._experiment, self._design, self._assumed, self._seed = experiment, design, assumed, seed

    def experiments(self, number: int) -> tuple[Array, Array, Array, Array]:
        """Returns units at the verdict, the promoted arm, whether there was a verdict, and each arm's share of units."""
        import numpy as np

        parts, shares = [], np.zeros(len(self._design.arms))
        at_once = max(1, min(_AT_ONCE, _UNITS_AT_ONCE // self._design.planned.units))
        for begin in range(0, number, at_once):
            units = self._units(np.random.default_rng([self._seed, begin]), min(at_once, number - begin))
            found = verdicts(self._design, units)
            parts.append((found.at, found.promoted, found.decided))
            shares += np.bincount(units.arms.ravel(), minlength=len(shares)) / units.arms.shape[1]
        at, promoted, decided = (np.concatenate(each) for each in zip(*parts, strict=True))
        return at, promoted, decided, shares / number

    def _units(self, rng: np.random.Generator, number: int) -> Units:
        design, assumed, mode = self._design, self._assumed, self._experiment.mode
        means = [assumed.means[arm] for arm in design.arms]
        rewards = binary(means) if design.binary else normal(means, [assumed.deviation] * len(means))
        weights = [self._experiment.shares()[arm] for arm in design.arms]
        shape = (number, design.planned.units)
        if not mode.learns:
            return fixed(rng, shape, weights, rewards)
        real = max(1.0, assumed.per_day * mode.every / 86400)
        size = math.ceil(max(real, design.planned.units / _INTERVALS))
        late = math.ceil(design.window / 86400 * assumed.per_day / size)
        rule = allocation(mode, design, rng, size / real)
        return moving(rng, shape, weights, rewards, rule, Interval(size, late))
