"""The frozen parameters of a linear bandit: the average of the last snapshots is what is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from serving.experiments.modes.config import ModeConfig
    from serving.experiments.modes.regression import Regression

_DRAWS = 512
"""Normal draws an arm behind its probability of being best for a context."""
_NOTHING = 1e-12


@dataclass
class Snapshot:
    """The parameters of all arms at the end of an interval.

    Attributes:
        weight: Its weight in the average.
        shares: Arm → fixed share, of the first snapshot, when nothing was learned yet.
        means: Arm → weights [d], of the difference to the common mean reward.
        roots: Arm → a root of the covariance [d, d]: the deviation of an estimate is ``norm(root @ z)``.
        prior: Deviation of each weight of an arm that has no rewards yet.
    """

    weight: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)
    means: dict[str, list[float]] = field(default_factory=dict)
    roots: dict[str, list[list[float]]] = field(default_factory=dict)
    prior: float = 0.0

    @classmethod
    def of(cls, arms: Mapping[str, Regression], config: ModeConfig, *, binary: bool) -> Snapshot:
        """Returns the posterior of each arm: mean ``A^-1 b``, covariance ``v^2 s^2 A^-1``, ``A = ridge I + sum z z'``.

        ``s`` is the deviation of all arms' residuals, ``v`` the document's ``exploration``.
        """
        import numpy as np

        rows = sum(one.rows for one in arms.values())
        common = sum(one.targets[0] for one in arms.values()) / rows if rows else 0.0
        means, inverses, residual = {}, {}, 0.0
        for name, one in arms.items():
            products = np.array(one.products)
            targets = np.array(one.targets) - common * products[0]
            inverses[name] = np.linalg.inv(products + config.ridge * np.eye(len(targets)))
            means[name] = inverses[name] @ targets
            squares = one.squares - 2 * common * one.targets[0] + common**2 * one.rows
            residual += squares - 2 * means[name] @ targets + means[name] @ products @ means[name]
        noise = float(np.sqrt(max(residual, 0.0) / rows)) if rows else (0.5 if binary else 1.0)
        width = config.exploration * noise
        roots = {name: (width * np.linalg.cholesky(inverse).T).tolist() for name, inverse in inverses.items()}
        return cls(
            means={name: mean.tolist() for name, mean in means.items()},
            roots=roots,
            prior=width / config.ridge**0.5,
        )


class Snapshots:
    """The snapshots that are served, oldest first; their weights add up to one.

    Args:
        config: The mode's settings.
    """

    def __init__(self, config: ModeConfig) -> None:
        self._config = config
        self._kept: list[Snapshot] = []
        self._compiled: dict[tuple[str, ...], tuple[Any, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def begin(self, shares: Mapping[str, float]) -> None:
        """Serves fixed shares until something is learned."""
        self._kept, self._compiled = [Snapshot(weight=1.0, shares=dict(shares))], {}

    def add(self, snapshot: Snapshot) -> None:
        """Gives the newest snapshot the weight ``step``, taken from the oldest: no context's shares move further."""
        wanted = min(self._config.step, 1.0)
        snapshot.weight, left, kept = wanted, wanted, []
        for old in self._kept:
            taken = min(old.weight, left)
            left -= taken
            old.weight -= taken
            if old.weight > _NOTHING:
                kept.append(old)
            else:
                snapshot.weight += old.weight
        self._kept, self._compiled = [*kept, snapshot], {}

    def shares(self, z: Sequence[float] | None, arms: Sequence[str]) -> list[float]:
        """Returns the average over snapshots of each arm's share; ``z`` None means only fixed shares can be served."""
        fixed, means, roots, weights, draws = self._arrays(tuple(arms))
        found = list(fixed)
        if len(weights) and z is not None:
            for at, share in enumerate(self._learned(z, means, roots, weights, draws)):
                found[at] += float(share)
        total = sum(found)
        return [share / total for share in found] if total > 0 else [1 / len(found)] * len(found)

    def _learned(
        self, z: Sequence[float], means: Any, roots: Any, weights: Any, draws: Any
    ) -> npt.NDArray[Any]:
        import numpy as np

        at = np.array(z)
        middle = means @ at  # [snapshots, arms]
        deviation = np.sqrt(((roots @ at) ** 2).sum(axis=-1))
        if self._config.policy == "ucb":
            best = np.eye(middle.shape[1])[(middle + deviation).argmax(axis=1)]
            return weights @ best  # type: ignore[no-any-return]
        drawn = [middle[:, k, None] + deviation[:, k, None] * draws[k] for k in range(middle.shape[1])]
        highest = drawn[0]
        for one in drawn[1:]:
            highest = np.maximum(highest, one)
        counts = np.stack([np.count_nonzero(one >= highest, axis=1) for one in drawn], axis=1)
        return weights @ (counts / counts.sum(axis=1, keepdims=True))  # type: ignore[no-any-return]

    def _arrays(self, arms: tuple[str, ...]) -> tuple[Any, ...]:
        if arms not in self._compiled:
            self._compiled = {arms: self._compile(arms)}
        return self._compiled[arms]

    def _compile(self, arms: tuple[str, ...]) -> tuple[Any, ...]:
        import numpy as np

        fixed, learned = [0.0] * len(arms), [one for one in self._kept if one.means or not one.shares]
        for one in (one for one in self._kept if one.shares):
            total = sum(one.shares.get(arm, 0.0) for arm in arms)
            for at, arm in enumerate(arms):
                share = one.shares.get(arm, 0.0) / total if total else 1 / len(arms)
                fixed[at] += one.weight * share
        size = next((len(mean) for one in learned for mean in one.means.values()), 1)
        means = [[one.means.get(arm, [0.0] * size) for arm in arms] for one in learned]
        roots = [[one.roots.get(arm, (one.prior * np.eye(size)).tolist()) for arm in arms] for one in learned]
        draws = [
            np.random.default_rng([self._config.seed, *arm.encode()]).standard_normal(_DRAWS) for arm in arms
        ]
        return fixed, np.array(means), np.array(roots), np.array([one.weight for one in learned]), draws

    def to_json(self) -> list[dict[str, Any]]:
        """Returns the snapshots as plain JSON."""
        return [asdict(one) for one in self._kept]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Takes back what ``to_json`` returned."""
        self._kept, self._compiled = [Snapshot(**one) for one in state], {}
