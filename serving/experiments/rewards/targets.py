"""Which experiments a reported reward goes to, and by which key each of them knows the unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.errors import DataError, near_miss
from serving.experiments.assignment.units import hashed, layer_key
from serving.experiments.rewards.entry import fitting
from serving.experiments.state.store import Receipt, Reward, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.rewards.config import RewardConfig
    from serving.experiments.rewards.entry import Entry


@dataclass(frozen=True)
class Target:
    """An experiment that takes rewards.

    Attributes:
        config: What it declares.
        layer: The key that its layer hashes units with.
        header: Whether units come in a header, which cannot begin or end with a space.
    """

    config: RewardConfig
    layer: bytes
    header: bool

    def key(self, unit: str) -> str:
        """Returns what the state knows a unit by; empty if the unit is."""
        text = unit.strip() if self.header else unit
        return hashed(self.layer, text).hex() if unit else ""


class UnknownExperimentError(DataError):
    """There is no such experiment."""


class Targets:
    """The experiments of a document, as rewards see them.

    Args:
        document: The document.
    """

    def __init__(self, document: ExperimentsDocument) -> None:
        self._names = list(document.experiments)
        self._targets = {
            name: Target(
                experiment.reward, layer_key(document.salt(experiment.layer)), experiment.unit.key is not None
            )
            for name, experiment in document.experiments.items()
            if experiment.reward is not None
        }

    def rewards(self, entry: Entry, subject: str = "reward") -> list[Reward]:
        """Returns what to write for an entry: one reward for each experiment that it goes to.

        Raises:
            UnknownExperimentError: The document has no such experiment.
            DataError: No experiment declares the metric, or the value is not of its type.
        """
        if not entry.request_id.isprintable():
            expected = "a request's id, which has printable characters only"
            raise DataError(f"{subject}: request_id", expected=expected, seen="others")
        chosen = self._chosen(entry, subject)
        return [
            Reward(
                name,
                target.config.metric,
                fitting(entry.value, target.config, subject),
                entry.request_id,
                target.key(entry.unit),
            )
            for name, target in chosen.items()
        ]

    def _chosen(self, entry: Entry, subject: str) -> Mapping[str, Target]:
        if entry.experiment and entry.experiment not in self._names:
            raise UnknownExperimentError(
                f"experiment {entry.experiment!r}",
                expected=f"one of {', '.join(self._names) or 'none: the document has no experiment'}",
                seen="another",
                remedy=near_miss(entry.experiment, self._names),
            )
        among = [entry.experiment] if entry.experiment else list(self._targets)
        found = {
            name: self._targets[name]
            for name in among
            if name in self._targets and entry.metric in ("", self._targets[name].config.metric)
        }
        if found:
            return found
        declared = sorted({self._targets[name].config.metric for name in among if name in self._targets})
        whom = f"experiment {entry.experiment!r}" if entry.experiment else "the experiments"
        raise DataError(
            f"{subject}: metric {entry.metric!r}" if entry.metric else subject,
            expected=f"the metric that {whom} declare{'s' if entry.experiment else ''}: {', '.join(declared) or 'none'}",
            seen="another" if declared else "no declared reward",
            remedy=near_miss(entry.metric, declared) if declared else "declare reward: in the document",
        )


_WORST_FIRST = (
    Status.UNKNOWN,
    Status.LATE,
    Status.CONFLICTING,
    Status.REPEATED,
    Status.REPLACED,
    Status.ACCEPTED,
)


def best(receipts: Sequence[Receipt]) -> Receipt:
    """Returns the receipt that says most, of one entry that went to several experiments."""
    return max(receipts, key=lambda receipt: _WORST_FIRST.index(receipt.status))


def message(receipt: Receipt) -> str:
    """Returns what a receipt means, in one sentence; empty where its status says all."""
    value = "" if receipt.value is None else f"{receipt.value:g}"
    texts = {
        Status.UNKNOWN: f"experiment {receipt.experiment} has no such unit or request, or has forgotten it",
        Status.LATE: "the unit's window is closed" + (f"; {value} counts" if value else ""),
        Status.CONFLICTING: f"another value was reported first; {value} counts",
        Status.REPLACED: f"another value was reported before; {value} counts now",
        Status.REPEATED: "the same value was reported before; it counts once",
    }
    return texts.get(receipt.status, "")
