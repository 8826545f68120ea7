"""The state of a layer that replicas share: its slot table, whom it was made for, and when it takes effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from serving.experiments.assignment.table import SlotTable

FORMAT: Final = 1

Shares = Mapping[str, Mapping[str, float]]
"""Experiment → arm → its share of the layer. The arm is empty where slots only say that a unit takes part."""


@dataclass(frozen=True)
class Draw:
    """An experiment whose units are drawn by a hash instead of by slot.

    Attributes:
        number: The number of the epoch or of the interval that the shares are for.
        shares: Arm → its share of the experiment.
    """

    number: int
    shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerState:
    """A layer as the store has it.

    Attributes:
        table: The slot table. Its version counts every change of the layer, so that it names the shares in force.
        shares: What the table was made for.
        draws: Experiments whose units are drawn.
        document: The version of the document that it follows.
        starts: From when it holds, by the store's clock; until then ``before`` does.
        before: What holds until then; None if nothing did.
    """

    table: SlotTable
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    draws: dict[str, Draw] = field(default_factory=dict)
    document: str = ""
    starts: float = 0.0
    before: LayerState | None = None

    def follows(self, salt: str, shares: Shares, draws: Mapping[str, Draw]) -> bool:
        """Returns whether the layer is already what is wanted."""
        return self.table.salt == salt and self.shares == shares and self.draws == draws

    def moved_to(
        self, salt: str, shares: Shares, draws: Mapping[str, Draw], document: str, starts: float, now: float
    ) -> LayerState:
        """Returns the layer with other shares, draws or another salt; the fewest units move.

        Args:
            salt: The layer's salt; another one assigns all units anew.
            shares: Experiment → arm → share of the layer.
            draws: Experiments whose units are drawn.
            document: The version of the document that asks for it.
            starts: From when it holds, by the store's clock.
            now: The store's time.
        """
        table = self.table if self.table.salt == salt else SlotTable(salt, self.table.version)
        moved = table.moved_to(shares)
        numbered = replace(moved, version=self.table.version + 1)
        holds = self if now >= self.starts or self.before is None else self.before
        return LayerState(
            numbered,
            {name: dict(arms) for name, arms in shares.items()},
            dict(draws),
            document,
            starts,
            replace(holds, before=None) if holds.table.version else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return {
            "format": FORMAT,
            "table": self.table.to_json(),
            "shares": self.shares,
            "draws": {name: {"number": d.number, "shares": d.shares} for name, d in self.draws.items()},
            "document": self.document,
            "starts": self.starts,
            "before": self.before.to_json() if self.before else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LayerState:
        """Returns a stored layer.

        Raises:
            ValueError: It is damaged, or of a newer Penstock.
        """
        if stored.get("format") != FORMAT:
            raise ValueError(f"the stored slot table has format {stored.get('format')!r}, expected {FORMAT}")
        try:
            return cls(
                SlotTable.from_json(stored["table"]),
                {name: dict(arms) for name, arms in stored["shares"].items()},
                {name: Draw(int(d["number"]), dict(d["shares"])) for name, d in stored["draws"].items()},
                str(stored["document"]),
                float(stored["starts"]),
                cls.from_json(stored["before"]) if stored["before"] else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the stored slot table is damaged: {error!r}") from error
