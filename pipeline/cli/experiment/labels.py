"""Joins rewards from a labels file: CSV, JSON lines, Parquet, or whatever else the reader of MongoDB exports knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from components.exports.documents import BLOCKED, MISSING, value_at
from components.exports.formats.base import BadDocumentError
from foundation.errors import DataError, SpecError
from pipeline.look.reading import blocks, open_export
from serving.experiments.rewards.entry import LONGEST_ID, LONGEST_UNIT, Entry, unit_text
from serving.experiments.rewards.targets import Targets

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Reward, Store

_AT_A_TIME: Final = 1000
_EXAMPLES: Final = 3
_STATUSES: Final = ("accepted", "repeated", "replaced", "conflicting", "late", "unknown", "refused")


@dataclass(frozen=True)
class Columns:
    """Where a file has what; empty means the usual name.

    Attributes:
        unit: Dotted path of the unit.
        request: Dotted path of the request's id.
        value: Dotted path of the reward.
    """

    unit: str = ""
    request: str = ""
    value: str = ""


@dataclass
class Joined:
    """What became of a file's rows.

    Attributes:
        rows: Rows that were read.
        counts: Receipt, or why there is none → rows.
        examples: What is wrong with the first of those that are refused.
    """

    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    number: int
    unit: Any
    request: Any
    value: Any


def join(store: Store, document: ExperimentsDocument, name: str, source: str, columns: Columns) -> Joined:
    """Reports a file's rewards.

    Args:
        store: The state.
        document: The document.
        name: The experiment.
        source: The file, folder, pattern or address.
        columns: Where the file has what.

    Raises:
        SpecError: The experiment has no reward, or both a unit and a request's id are named.
        DataError: The file cannot be read, or no row has what is needed.
        StorageError: A file or the state cannot be used.
    """
    config = document.experiments[name].reward
    if config is None:
        raise SpecError(
            f"experiment {name}", expected="a reward", seen="none", remedy="declare reward: {metric: …}"
        )
    if columns.unit and columns.request:
        raise SpecError("--unit and --request", expected="one of them", seen="both")
    targets, joined, counts = Targets(document), Joined(), Counter(dict.fromkeys(_STATUSES, 0))
    waiting: list[Reward] = []

    def write() -> None:
        counts.update(receipt.status.value for receipt in store.reward(waiting))
        waiting.clear()

    for row in _rows(source, columns, config.metric, counts):
        joined.rows += 1
        entry = _entry(row, name)
        if isinstance(entry, str):
            counts[entry] += 1
            continue
        try:
            waiting += targets.rewards(entry, f"row {row.number}")
        except DataError as error:
            counts["refused"] += 1
            joined.examples += [str(error)] if len(joined.examples) < _EXAMPLES else []
        if len(waiting) >= _AT_A_TIME:
            write()
    write()
    joined.counts = dict(counts)
    _check_found(joined, source, columns, config.metric)
    return joined


def _rows(source: str, columns: Columns, metric: str, counts: Counter[str]) -> Iterator[_Row]:
    number = 0
    units = _paths(columns.unit, () if columns.request else ("unit",))
    requests = _paths(columns.request, () if columns.unit else ("request_id",))
    values = _paths(columns.value, (metric, "value"))
    for block in blocks(open_export(source), None):
        counts["unreadable"] += block.bad
        for document in block.documents:
            number += 1
            found = (_first(document, paths, block.wrapped) for paths in (units, requests, values))
            yield _Row(number, *found)


def _paths(given: str, usual: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [tuple(path.split(".")) for path in ((given,) if given else usual)]


def _first(document: dict[str, Any], paths: list[tuple[str, ...]], wrapped: bool) -> Any:
    """Returns the first value that is there; None where there is none or it is null."""
    for path in paths:
        try:
            value = value_at(document, path, wrapped)
        except BadDocumentError:
            continue
        if value is not MISSING and value is not BLOCKED and value is not None and value != "":
            return value
    return None


def _entry(row: _Row, experiment: str) -> Entry | str:
    """Returns a row's reward, or why it has none."""
    if row.value is None:
        return "without a value"
    request, unit = unit_text(row.request), unit_text(row.unit)
    if request and len(request) <= LONGEST_ID:
        return Entry(_plain(row.value), experiment, request_id=request)
    if unit and len(unit) <= LONGEST_UNIT:
        return Entry(_plain(row.value), experiment, unit=unit)
    return "without a unit or request"


def _plain(value: Any) -> Any:
    """Returns a MongoDB number as Python's."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    to_decimal = getattr(value, "to_decimal", None)
    return float(to_decimal()) if to_decimal is not None else value


def _check_found(joined: Joined, source: str, columns: Columns, metric: str) -> None:
    """Refuses a file in which no row has what is asked for: the names are wrong."""
    for what, expected, option in (
        ("without a value", columns.value or f"{metric} or value", "--value"),
        (
            "without a unit or request",
            columns.unit or columns.request or "unit or request_id",
            "--unit or --request",
        ),
    ):
        if joined.rows and joined.counts.get(what) == joined.rows:
            raise DataError(
                f"{source}", expected=f"{expected} in some row", seen="none", remedy=f"name it with {option}"
            )
