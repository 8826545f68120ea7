"""Finds the logged request that each label belongs to: of a unit's requests, the one that it was assigned at."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from serving.experiments.log.labels import Label

KEY_COLUMNS: Final = ("request_id", "row_index", "time", "unit", "arm", "code", "fell_back", "shadow")
"""The columns that are needed to find requests."""
_FURTHEST_SECONDS: Final = 300.0
"""A unit's request counts for a label if it came no further from the unit's assignment; clocks may differ."""
_PARTS: Final = 2**64


def held_out(key: str, share: float) -> bool:
    """Returns whether a unit belongs to the slice that is never trained on.

    Args:
        key: The unit's hash, or the request's id: the slice is the same in each export as long as the layer has the same salt.
        share: The slice's share of all units; a larger slice holds a smaller one.
    """
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=8, person=b"penstock holdout").digest()
    return int.from_bytes(digest) < share * _PARTS


def usable(table: Any, left_out: Counter[str]) -> Any:
    """Returns the rows that an arm answered to a client; counts the requests of the others by reason."""
    import pyarrow.compute as pc

    for reason, unwanted in (
        ("shadow copies", pc.field("shadow")),
        ("failed", pc.field("code") != 0),
        ("answered by the fallback", pc.field("fell_back")),
    ):
        left_out[reason] += table.filter(unwanted & (pc.field("row_index") == 0)).num_rows
        table = table.filter(~unwanted)
    return table


class Labelled(NamedTuple):
    """A logged request with a label.

    Attributes:
        value: The label.
        unit: The unit's hash, or the request's id if the request is a unit of its own.
    """

    value: Any
    unit: str


class Match:
    """Labels, and the request that each belongs to.

    Args:
        labels: The labels. A unit that was assigned in several epochs has one for each.
    """

    def __init__(self, labels: Sequence[Label]) -> None:
        self._rounds: list[_Round] = []
        seen: Counter[str] = Counter()
        rounds: list[list[Label]] = []
        for label in labels:
            place = seen[label.key]
            seen[label.key] += 1
            if place == len(rounds):
                rounds.append([])
            rounds[place].append(label)
        self._rounds = [_Round(some) for some in rounds]

    def look(self, table: Any) -> None:
        """Looks for requests in a table with the ``KEY_COLUMNS`` of usable rows."""
        for one in self._rounds:
            one.look(table)

    def found(self) -> dict[str, Labelled]:
        """Returns request id → what is known of it."""
        chosen: dict[str, Labelled] = {}
        for one in self._rounds:
            for request, labelled in one.pairs():
                chosen.setdefault(request, labelled)
        return chosen


class _Round:
    """Labels with one key each."""

    def __init__(self, labels: Sequence[Label]) -> None:
        import numpy as np
        import pyarrow as pa

        self._labels = labels
        self._keys = pa.array([label.key for label in labels], pa.string())
        self._at = np.array([np.nan if label.at is None else label.at for label in labels])
        self._arms = pa.array([label.arm for label in labels], pa.string())
        self._nearest = np.full(len(labels), np.inf)
        self._requests: Any = np.full(len(labels), None, object)
        self._units: Any = np.full(len(labels), None, object)

    def look(self, table: Any) -> None:
        import numpy as np
        import pyarrow.compute as pc

        first = table.filter(pc.equal(table["row_index"], 0))
        # A request that is a unit of its own goes by its id; a label may name the request of any unit.
        for key in (first["unit"], first["request_id"]):
            places = pc.index_in(key, value_set=self._keys).combine_chunks()
            rows = first.filter(pc.is_valid(places))
            found = places.drop_null().to_numpy(zero_copy_only=False)
            arms = self._arms.take(places.drop_null())
            fits = pc.or_(pc.equal(arms, ""), pc.equal(arms, rows["arm"])).to_numpy(zero_copy_only=False)
            rows, found = rows.filter(fits), found[fits]
            seconds = rows["time"].cast("int64").to_numpy() / 1e6
            at = self._at[found]
            distance = np.where(np.isnan(at), seconds, np.abs(seconds - at))
            distance[~np.isnan(at) & (distance > _FURTHEST_SECONDS)] = np.inf
            # Of several values for one place NumPy keeps the last: the nearest.
            order = np.argsort(-distance, kind="stable")
            nearer = order[distance[order] < self._nearest[found[order]]]
            requests = np.array(rows["request_id"].to_pylist(), object)
            self._nearest[found[nearer]] = distance[nearer]
            units = np.array(pc.coalesce(rows["unit"], rows["request_id"]).to_pylist(), object)
            self._requests[found[nearer]] = requests[nearer]
            self._units[found[nearer]] = units[nearer]

    def pairs(self) -> Iterable[tuple[str, Labelled]]:
        """Yields the id of each request that a label belongs to, and what is known of it."""
        for request, unit, label in zip(
            self._requests.tolist(), self._units.tolist(), self._labels, strict=True
        ):
            if request is not None:
                yield request, Labelled(label.value, unit)
