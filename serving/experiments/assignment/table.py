"""The slot table of a layer: which experiment and arm each of its 10,000 slots belongs to.

When shares change, as few slots change hands as the shares require: an arm whose share falls gives up just what it has
too much, to arms whose share rises. Neither cumulative intervals nor weighted rendezvous hashing do that.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Final

from serving.experiments.assignment.units import SLOTS, hashed, layer_key, slot_of

Owner = tuple[str, str]
"""An experiment and an arm of it; both are empty for a slot that is free."""

FREE: Final[Owner] = ("", "")
_LAYOUT: Final = struct.Struct(f"<{SLOTS}H")
_ALMOST: Final = 1e-6
"""What floating point may lack to a whole slot."""


@dataclass(frozen=True)
class SlotTable:
    """A layer's slots.

    Attributes:
        salt: The layer's salt.
        version: Counts the changes of the table; 0 is the empty one.
        slots: For each slot the owner.
    """

    salt: str
    version: int = 0
    slots: tuple[Owner, ...] = (FREE,) * SLOTS

    @cached_property
    def key(self) -> bytes:
        """The key of the units' hash."""
        return layer_key(self.salt)

    def slot(self, unit: str) -> int:
        """Returns a unit's slot."""
        return slot_of(hashed(self.key, unit))

    @cached_property
    def counts(self) -> Counter[Owner]:
        """The number of slots by owner, the free ones included."""
        return Counter(self.slots)

    def moved_to(self, shares: Mapping[str, Mapping[str, float]]) -> SlotTable:
        """Returns the table after a change of shares, with the fewest possible moves.

        Args:
            shares: Experiment → arm → its share of the layer; what is not named gives up its slots.

        Returns:
            The next version; this very table if nothing moves.
        """
        wanted = slot_counts(shares)
        moves = _moves(self.counts, wanted)
        if not moves:
            return self
        slots = list(self.slots)
        for (giver, taker), given in _chosen(self, moves, list(wanted)):
            for slot in given:
                if slots[slot] != giver:
                    raise AssertionError(f"slot {slot} does not belong to {giver}")
                slots[slot] = taker
        return SlotTable(self.salt, self.version + 1, tuple(slots))

    def moved_from(self, other: SlotTable) -> int:
        """Returns the number of slots with another owner than in an earlier table; all, if the salt is another."""
        if self.salt != other.salt:
            return SLOTS - min(self.counts[FREE], other.counts[FREE])
        return sum(mine != theirs for mine, theirs in zip(self.slots, other.slots, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Returns the table as plain JSON."""
        owners = list(dict.fromkeys(self.slots))
        number = {owner: index for index, owner in enumerate(owners)}
        packed = _LAYOUT.pack(*(number[owner] for owner in self.slots))
        slots = base64.b64encode(zlib.compress(packed)).decode()
        return {
            "salt": self.salt,
            "version": self.version,
            "owners": [list(o) for o in owners],
            "slots": slots,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SlotTable:
        """Returns a stored table.

        Raises:
            ValueError: It is damaged.
        """
        try:
            packed = zlib.decompressobj().decompress(base64.b64decode(stored["slots"]), _LAYOUT.size + 1)
            owners = [(str(experiment), str(arm)) for experiment, arm in stored["owners"]]
            slots = tuple(owners[index] for index in _LAYOUT.unpack(packed))
            return cls(str(stored["salt"]), int(stored["version"]), slots)
        except (
            KeyError,
            TypeError,
            IndexError,
            ValueError,
            binascii.Error,
            zlib.error,
            struct.error,
        ) as error:
            raise ValueError(f"the stored slot table is damaged: {error!r}") from error


def slot_counts(shares: Mapping[str, Mapping[str, float]]) -> dict[Owner, int]:
    """Returns the number of slots of each arm, and of the free ones last.

    An experiment gets whole slots, rounded down; its arms share them by the largest remainder.

    Args:
        shares: Experiment → arm → its share of the layer; together at most 1.

    Raises:
        ValueError: They sum to more than 1.
    """
    counts: dict[Owner, int] = {}
    for experiment, arms in shares.items():
        total = sum(arms.values())
        slots = int(total * SLOTS + _ALMOST)
        exact = {arm: slots * share / total if total else 0.0 for arm, share in arms.items()}
        whole = {arm: int(number + _ALMOST) for arm, number in exact.items()}
        left = slots - sum(whole.values())
        largest = sorted(exact, key=lambda arm: whole[arm] - exact[arm])[:left]
        counts.update({(experiment, arm): whole[arm] + (arm in largest) for arm in arms})
    free = SLOTS - sum(counts.values())
    if free < 0:
        raise ValueError(f"shares of a layer that need {SLOTS - free} of {SLOTS} slots")
    counts[FREE] = free
    return counts


def _moves(present: Mapping[Owner, int], wanted: Mapping[Owner, int]) -> dict[tuple[Owner, Owner], int]:
    """Returns how many slots go from which falling owner to which rising one.

    Slots stay within their experiment where they can, so that as few units as possible change the experiment.
    """
    owners = list(dict.fromkeys([*wanted, *present]))
    change = {owner: wanted.get(owner, 0) - present.get(owner, 0) for owner in owners}
    moves: dict[tuple[Owner, Owner], int] = {}
    for same_experiment in (True, False):
        for giver in owners:
            for taker in owners:
                number = min(-change[giver], change[taker])
                if number > 0 and (giver[0] == taker[0] or not same_experiment):
                    moves[giver, taker] = number
                    change[giver] += number
                    change[taker] -= number
    return moves


def _chosen(
    table: SlotTable, moves: Mapping[tuple[Owner, Owner], int], order: Sequence[Owner]
) -> Iterable[tuple[tuple[Owner, Owner], list[int]]]:
    """Yields the slots of each move, in hash order.

    To an earlier owner goes the lower end of that order, to a later one the upper end. So two arms that change back
    and forth move the same units back and forth.
    """
    rank = {owner: index for index, owner in enumerate([o for o in order if o != FREE])}
    last = len(rank)
    held: dict[Owner, list[int]] = {giver: [] for giver, _ in moves}
    for slot, owner in enumerate(table.slots):
        if owner in held:
            held[owner].append(slot)
    for (giver, taker), number in moves.items():
        by = _order(table.key, taker[0] if giver == FREE else giver[0])
        pool = sorted(held[giver], key=by.__getitem__)
        lower = giver == FREE or rank.get(taker, last) < rank.get(giver, last)
        given = pool[:number] if lower else pool[len(pool) - number :]
        gone = set(given)
        held[giver] = [slot for slot in held[giver] if slot not in gone]
        yield (giver, taker), given


@lru_cache(maxsize=64)
def _order(key: bytes, experiment: str) -> list[bytes]:
    """Returns what the slots are ordered by for an experiment: a hash, so that experiments in turn do not correlate."""
    name = experiment.encode()
    return [blake2b(slot.to_bytes(2, "big") + name, digest_size=8, key=key).digest() for slot in range(SLOTS)]
