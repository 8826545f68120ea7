"""What became of an experiment: begun, ramped, stopped, promoted or rolled back, and which arms are taken out.

One small document an experiment, changed by compare-and-swap, so that commands, endpoints and guardrails of all replicas
see and change the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError, StorageError

if TYPE_CHECKING:
    from serving.experiments.state.store import Store

_ATTEMPTS: Final = 50


def status_key(experiment: str) -> str:
    """Returns the key of an experiment's lifecycle in the store."""
    return f"status/{experiment}"


def table_key(layer: str) -> str:
    """Returns the key of a layer's slot table in the store."""
    return f"table/{layer}"


def results_key(experiment: str) -> str:
    """Returns the key of an experiment's statistics and allocation, with the cursor of the units that they have taken."""
    return f"results/{experiment}"


class Phase(StrEnum):
    """Where an experiment is in its life."""

    DRAFT = "draft"
    """Not begun: requests go on unchanged."""
    RUNNING = "running"
    """Units are assigned and counted."""
    STOPPED = "stopped"
    """Ended without a winner: requests go on unchanged."""
    PROMOTED = "promoted"
    """Ended: ``arm`` answers everything."""
    ROLLED_BACK = "rolled_back"
    """Ended: ``arm``, the control, answers everything."""


@dataclass(frozen=True)
class Out:
    """Why and when an arm was taken out.

    Attributes:
        reason: One sentence.
        at: When, by the store's clock, in seconds since the epoch.
    """

    reason: str
    at: float


@dataclass(frozen=True)
class Ramp:
    """Shares that a person set while the experiment runs. They hold until the document's own shares change.

    Attributes:
        share: The experiment's share of its layer; None leaves the document's.
        weights: Arm → share of the experiment; empty leaves the document's.
        instead_of_share: The document's share at that time.
        instead_of_weights: The document's weights at that time.
    """

    share: float | None = None
    weights: dict[str, float] = field(default_factory=dict)
    instead_of_share: float = 1.0
    instead_of_weights: dict[str, float] = field(default_factory=dict)

    def held(self, share: float, weights: Mapping[str, float]) -> Ramp:
        """Returns what is left of it with the document's share and weights as they are now."""
        share_holds, weights_hold = share == self.instead_of_share, dict(weights) == self.instead_of_weights
        return replace(
            self,
            share=self.share if share_holds else None,
            weights=self.weights if weights_hold else {},
        )

    def of(self, share: float, weights: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """Returns the share and the weights that hold.

        Args:
            share: The document's share of the experiment now.
            weights: The document's weights now.
        """
        share_holds = self.share is not None and share == self.instead_of_share
        weights_hold = bool(self.weights) and dict(weights) == self.instead_of_weights
        return (
            self.share if share_holds and self.share is not None else share,
            dict(self.weights if weights_hold else weights),
        )


@dataclass(frozen=True)
class Lifecycle:
    """The state of an experiment that people and guardrails decide about.

    Attributes:
        phase: Where it is in its life.
        since: Since when, by the store's clock, in seconds since the epoch.
        arm: The arm that answers everything once it was promoted or rolled back.
        ramp: Shares that were set while it runs.
        out: Arm → why and when it was taken out; control answers its units.
        label: The label of ``arm``'s model that answers once it was promoted; empty means the arm as the document has it.
    """

    phase: Phase = Phase.DRAFT
    since: float = 0.0
    arm: str = ""
    ramp: Ramp = Ramp()
    out: dict[str, Out] = field(default_factory=dict)
    label: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Lifecycle:
        """Returns a stored one."""
        return cls(
            Phase(stored["phase"]),
            float(stored["since"]),
            str(stored["arm"]),
            Ramp(**stored["ramp"]),
            {arm: Out(**out) for arm, out in stored["out"].items()},
            str(stored.get("label", "")),
        )

    def moved_to(self, phase: Phase, now: float, arm: str = "", label: str = "") -> Lifecycle:
        """Returns it in another phase."""
        return replace(self, phase=phase, since=now, arm=arm, label=label)

    def without(self, arm: str, reason: str, now: float) -> Lifecycle:
        """Returns it with an arm taken out; the first reason stays."""
        return self if arm in self.out else replace(self, out={**self.out, arm: Out(reason, now)})

    def readmitted(self, arm: str) -> Lifecycle:
        """Returns it with an arm back in."""
        return replace(self, out={name: out for name, out in self.out.items() if name != arm})


def read_lifecycle(store: Store, experiment: str) -> Lifecycle:
    """Returns an experiment's lifecycle; a draft if it was never begun.

    Raises:
        DataError: It is damaged, or of another Penstock.
        StoreAwayError: The store does not answer.
    """
    found = store.read(status_key(experiment))
    return _lifecycle(experiment, found[1]) if found else Lifecycle()


def _lifecycle(experiment: str, stored: Mapping[str, Any]) -> Lifecycle:
    try:
        return Lifecycle.from_json(stored)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"experiment {experiment}: its phase in the state",
            expected="what this Penstock wrote",
            seen=repr(error),
            remedy="use the Penstock that wrote it, or put the state back from a copy",
        ) from error


def change(store: Store, experiment: str, edit: Callable[[Lifecycle], Lifecycle]) -> Lifecycle:
    """Changes an experiment's lifecycle, whoever else changes it at the same time.

    Args:
        store: The state.
        experiment: Its name.
        edit: Returns the lifecycle to be; it may raise to refuse, and is asked again if another process was faster.

    Returns:
        The lifecycle as it is now.

    Raises:
        DataError: It is damaged, or of another Penstock.
        StorageError: Others kept changing it.
        StoreAwayError: The store does not answer.
    """
    for _ in range(_ATTEMPTS):
        version, value = store.read(status_key(experiment)) or (0, None)
        before = _lifecycle(experiment, value) if value is not None else Lifecycle()
        after = edit(before)
        if after == before or store.write(status_key(experiment), after.to_json(), version):
            return after
    raise StorageError(
        f"experiment {experiment}",
        expected="its state to be changed",
        seen=f"{_ATTEMPTS} other changes at the same time",
        remedy="try again",
    )
