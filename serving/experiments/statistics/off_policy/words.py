"""Says off-policy estimates in lines."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.numbers import apart
from serving.experiments.statistics.off_policy.estimates import Estimates, Value


def lines(found: Estimates, policy: str, unlogged: int = 0) -> Iterator[str]:
    """Yields the lines.

    Args:
        found: The estimates.
        policy: The policy as it was given.
        unlogged: Units that were left out.
    """
    telling = f"{found.units:,} units, telling as much as {found.effective:,.0f}; mean weight {found.mean_weight:.3f} (1 is right)"
    if found.refused:
        yield f"no estimate of {policy}: {found.refused}"
    else:
        yield f"{policy} would have earned per unit (95% intervals for one look; {telling}):"
        yield from (
            _line(name, value)
            for name, value in (("DR", found.dr), ("SNIPS", found.snips), ("IPS", found.ips))
            if value is not None
        )
    if unlogged:
        yield f"Note: {unlogged:,} units have no row in the prediction log and are left out."


def _line(name: str, value: Value) -> str:
    middle, low, high = apart([value.estimate, value.low, value.high])
    return f"  {name:<5}  {middle}, between {low} and {high}"
