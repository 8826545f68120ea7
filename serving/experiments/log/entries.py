"""From outcomes to columns: one row of the log for each row of a request."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from serving.experiments.contract import Choice, Target
from serving.experiments.log.schema import COLUMNS, INPUT, OUTPUT, column_name
from serving.experiments.payload.rows import cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.contract import Outcome
    from serving.experiments.log.config import LogConfig
    from serving.experiments.log.privacy import Protector
    from serving.experiments.payload.batch import Pair
    from serving.experiments.payload.rows import Rows

_NAMES: Final = tuple(column.name for column in COLUMNS)
_WHOLE: Final = 2**64


class Entry(NamedTuple):
    """An answer to log.

    Attributes:
        choice: Its assignment.
        arm: The arm that answered.
        outcome: The answer.
        shadow: Whether it is a copy's.
    """

    choice: Choice
    arm: str
    outcome: Outcome
    shadow: bool

    @property
    def target(self) -> Target:
        """Where it was asked."""
        if self.shadow:
            return dict(self.choice.shadows).get(self.arm, Target(""))
        return self.choice.fallback if self.outcome.fell_back and self.choice.fallback else self.choice.target


def in_sample(request_id: str, share: float) -> bool:
    """Returns whether a request is logged: the same on every replica, and for its copies."""
    if share >= 1:
        return True
    digest = blake2b(request_id.encode("utf-8", "replace"), digest_size=8, person=b"penstock log").digest()
    return int.from_bytes(digest) < share * _WHOLE


def columns(
    entries: Sequence[Entry],
    pairs: Sequence[Pair],
    config: LogConfig,
    protector: Protector,
    hidden: Mapping[str, str],
) -> dict[str, list[Any]]:
    """Returns the columns of one experiment's entries.

    Args:
        entries: The answers.
        pairs: What their bodies hold.
        config: What is kept.
        protector: The privacy rules.
        hidden: Experiment → the input that holds its unit; it is left out unless there is a rule for it.

    Returns:
        Name → values, all of the same length; first the columns that every file has.
    """
    heads: list[tuple[Any, ...]] = []
    values = _Values()
    for entry, pair in zip(entries, pairs, strict=True):
        count = pair.request.count or pair.response.count or 1
        kept = min(count, config.rows)
        heads.extend(_heads(entry, pair.request.signature, count, kept, config.sampling))
        if config.inputs:
            values.add(INPUT, pair.request, count, kept, hidden.get(entry.choice.experiment))
        if config.outputs:
            values.add(OUTPUT, pair.response, count, kept, None)
        values.advance(kept)
    fixed = dict(zip(_NAMES, map(list, zip(*heads, strict=True)), strict=True))
    return {**fixed, **values.protected(protector)}


def _heads(entry: Entry, signature: str, count: int, kept: int, sampling: float) -> list[tuple[Any, ...]]:
    """Returns the columns that every file has, in their order, for each row."""
    choice, outcome, target = entry.choice, entry.outcome, entry.target
    rest = (
        count,
        round(outcome.began * 1e6),
        choice.unit.hex() or None,
        choice.experiment,
        choice.document,
        entry.arm,
        choice.table,
        None if entry.shadow else choice.propensity,
        target.backend,
        target.model,
        target.label,
        outcome.version,
        outcome.api,
        outcome.method,
        signature,
        int(outcome.code),
        outcome.seconds,
        outcome.fell_back,
        entry.shadow,
        sampling,
        type(choice) is Choice,  # an answer outside of the results has a choice of another class
    )
    return [(outcome.request_id, index, *rest) for index in range(kept)]


class _Values:
    """Collects the inputs and outputs of a batch as columns."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str, bool], list[Any]] = {}
        self._rows = 0

    def add(self, side: str, rows: Rows, count: int, kept: int, hidden: str | None) -> None:
        """Adds the values of the next rows.

        Args:
            side: ``input`` or ``output``.
            rows: The values.
            count: Rows of the request.
            kept: Rows of the log.
            hidden: The input that holds the unit.
        """
        for name, values in rows.columns.items():
            key = (side, name, name == hidden)
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = []
            column.extend([None] * (self._rows - len(column)))
            if rows.count != count:
                # They do not belong to the rows one by one.
                column.append(cell(values))
            else:
                column.extend(values if len(values) == kept else values[:kept])

    def advance(self, kept: int) -> None:
        """Ends the rows that were added."""
        self._rows += kept

    def protected(self, protector: Protector) -> dict[str, list[Any]]:
        """Returns the columns under the privacy rules."""
        found = {}
        for (side, name, hidden), values in self._columns.items():
            allowed = None if hidden and not protector.protects(name) else protector.column(name, values)
            if allowed is not None:
                allowed.extend([None] * (self._rows - len(allowed)))
                found[column_name(side, name)] = allowed
        return found
