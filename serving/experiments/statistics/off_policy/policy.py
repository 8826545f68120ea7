"""A policy to be judged: shares of the arms, the same for all units or by the value of a logged input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foundation.errors import SpecError, near_miss
from foundation.quantities import share_of

_EXPECTED = "an arm, shares such as old=20%,new=80%, or a YAML file with feature, values and otherwise"


@dataclass(frozen=True)
class Policy:
    """Shares of the arms.

    Attributes:
        otherwise: The shares where no value applies.
        feature: Name of the logged input whose value decides; empty if none does.
        values: Value, as text → shares.
    """

    otherwise: Mapping[str, float]
    feature: str = ""
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def shares(self, value: object) -> Mapping[str, float]:
        """Returns the shares for a unit whose input has this value."""
        return self.values.get(str(value), self.otherwise) if self.feature else self.otherwise


def read_policy(text: str, arms: list[str]) -> Policy:
    """Reads a policy as a person gives it.

    Args:
        text: ``new``, ``old=20%,new=80%``, or the path of a YAML file.
        arms: The experiment's arms.

    Raises:
        SpecError: It is none of these, or shares do not add up to 1.
    """
    if not text.endswith((".yaml", ".yml")):
        return Policy(_shares(text, arms))
    given = _yaml(Path(text))
    unknown = set(given) - {"feature", "values", "otherwise"}
    if unknown or "otherwise" not in given or ("feature" in given) != ("values" in given):
        raise SpecError(f"policy {text}", expected=_EXPECTED, seen=", ".join(map(str, given)) or "nothing")
    values = given.get("values") or {}
    if not isinstance(values, Mapping):
        raise SpecError(f"policy {text}: values", expected="value → an arm or shares", seen=repr(values))
    by_value = {str(value): _shares(shares, arms) for value, shares in values.items()}
    return Policy(_shares(given["otherwise"], arms), str(given.get("feature", "")), by_value)


def _yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(
            f"policy {path}", expected="a file that can be read", seen=error.strerror or ""
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"policy {path}", expected=_EXPECTED, seen=str(error).split("\n")[0]) from error
    if not isinstance(given, Mapping):
        raise SpecError(f"policy {path}", expected=_EXPECTED, seen=type(given).__name__)
    return given


def _shares(given: object, arms: list[str]) -> Mapping[str, float]:
    """Returns shares that add up to 1."""
    if isinstance(given, str) and "=" in given:
        pairs = [part.partition("=") for part in given.split(",")]
        given = {name.strip(): share for name, _, share in pairs}
    if isinstance(given, str):
        given = {given: 1.0}
    if not isinstance(given, Mapping) or not given:
        raise SpecError("policy", expected=_EXPECTED, seen=repr(given))
    shares = {}
    for arm, share in given.items():
        if arm not in arms:
            raise SpecError(
                f"policy: {arm}",
                expected=f"one of {', '.join(arms)}",
                seen="no such arm",
                remedy=near_miss(str(arm), arms),
            )
        shares[str(arm)] = _share(str(arm), share)
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise SpecError(
            "policy", expected="shares that add up to 100%", seen=f"{100 * sum(shares.values()):g}%"
        )
    return shares


def _share(arm: str, given: object) -> float:
    try:
        value = share_of(given if not isinstance(given, str) or not _is_number(given) else float(given))
        number = float(value)
    except (TypeError, ValueError) as error:
        raise SpecError(f"policy: {arm}", expected="a share such as 80%", seen=repr(given)) from error
    if not 0 <= number <= 1:
        raise SpecError(f"policy: {arm}", expected="a share from 0% to 100%", seen=repr(given))
    return number


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
