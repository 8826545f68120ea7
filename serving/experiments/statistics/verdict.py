"""What ``penstock experiment decide`` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ArmVerdict:
    """What is known of one arm.

    Attributes:
        arm: The arm.
        verdict: ``better``, ``not better``, ``open`` or ``removed``.
        units: Its units that count.
        mean: Their mean reward; None without any.
        pending: Its units whose window is still open.
        difference: Its mean less control's, where moving weights are taken into account.
        low: Lower end of the interval of the difference.
        high: Upper end of the interval of the difference.
        waiting: Why there is no interval yet.
        probability_best: Its probability of being the best of all arms, given the rewards so far; not for stopping.
        units_needed: Units of all arms in all that its verdict is likely to need; None if it has one or it cannot be said.
    """

    arm: str
    verdict: str
    units: int
    mean: float | None
    pending: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    waiting: str = ""
    probability_best: float | None = None
    units_needed: int | None = None


@dataclass(frozen=True)
class Verdict:
    """Keep control, promote an arm, go on, or no answer because the shares are wrong.

    Attributes:
        action: ``promote``, ``keep``, ``wait`` or ``refuse``.
        arm: The arm to promote; control if it is kept.
        sentence: The answer in one sentence.
        flip: What would change it.
        more_units: With ``wait``: units that are likely to be needed.
        hours: With ``wait``: how long that takes at the present rate; None if the rate is not known.
        units: Units that count.
        planned: The planned units.
        pending: Units whose window is still open.
        arms: Each arm, control first.
        warnings: What a reader should know besides.
    """

    action: str
    arm: str
    sentence: str
    flip: str
    more_units: int | None = None
    hours: float | None = None
    units: int = 0
    planned: int = 0
    pending: int = 0
    arms: tuple[ArmVerdict, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return asdict(self)
