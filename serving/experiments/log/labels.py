"""The labels of logged predictions: rewards whose window is closed, or a file of labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError, SpecError, near_miss
from foundation.publish import storage_error
from serving.experiments.assignment.units import hashed, layer_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Store

_AT_ONCE: Final = 10_000
REQUEST_ID, UNIT = "request_id", "unit"


@dataclass(frozen=True, slots=True)
class Label:
    """What became of a unit or a request.

    Attributes:
        key: The unit's hash as hex digits, or the request's id.
        value: The label.
        arm: The arm that it was assigned to; empty if not known.
        at: When it was assigned, in seconds since the epoch; None if not known.
    """

    key: str
    value: Any
    arm: str = ""
    at: float | None = None


def from_store(store: Store, experiment: str, counted: Callable[[float | None], float | None]) -> list[Label]:
    """Returns the rewards of the units whose window is closed.

    Args:
        store: The state.
        experiment: The experiment's name.
        counted: Returns what a unit counts with, given its reward or None; None leaves it out.
    """
    labels: list[Label] = []
    cursor = 0
    while True:
        units, cursor = store.matured(experiment, cursor, _AT_ONCE)
        if not units:
            return labels
        for unit in units:
            value = counted(unit.reward)
            if value is not None:
                labels.append(Label(unit.key, value, unit.arm, unit.at))


def count_since(store: Store, document: ExperimentsDocument, experiment: str, moment: float) -> int:
    """Returns how many labels came after a moment: those that an export has more since then.

    A label comes when the window of its unit closes, with a reward or, where that counts as a failure, without.

    Args:
        store: The state.
        document: The document of the experiments.
        experiment: The experiment's name.
        moment: Seconds since the epoch.

    Raises:
        SpecError: There is no such experiment, or it has no reward.
        DataError: The state does not know the experiment.
    """
    config = document.experiments.get(experiment)
    if config is None or config.reward is None:
        known = [name for name, one in document.experiments.items() if one.reward]
        raise SpecError(
            f"experiment {experiment}",
            expected="one that declares a reward" + (f": {', '.join(known)}" if known else ""),
            seen="none of this name" if config is None else "one without a reward",
            remedy=near_miss(experiment, known) or "name another, or declare reward: {metric: …}",
        )
    if experiment not in store.declared():
        raise DataError(
            f"experiment {experiment}",
            expected="a state that knows it",
            seen="one that a router has not yet used for it",
            remedy="start the router with this document, or run this where the document's state is",
        )
    closed = store.closed_since(experiment, moment)
    return closed.rewarded if config.reward.counted(None) is None else closed.closed


def from_file(path: Path, label: str, salt: str) -> list[Label]:
    """Returns the labels of a file with the columns ``request_id`` or ``unit``, and that of the label.

    Args:
        path: A CSV, JSON lines or Parquet file.
        label: Name of the column with the label.
        salt: Salt of the experiment's layer: a unit in the file is as the client sent it, and hashed here.

    Raises:
        DataError: It is no such file, or a column is missing.
        StorageError: It cannot be read.
    """
    table = _read(path)
    names = table.column_names
    key = next((name for name in (REQUEST_ID, UNIT) if name in names), None)
    if key is None or label not in names:
        missing = label if label not in names else f"{REQUEST_ID} or {UNIT}"
        hint = near_miss(label, names) if label not in names else ""
        raise DataError(
            f"labels {path}",
            expected=f"a column {missing}",
            seen=", ".join(names),
            remedy=hint or "name the label's column with --label",
        )
    secret = layer_key(salt)
    keys = [_text(value) for value in table[key].to_pylist()]
    found = zip(keys, table[label].to_pylist(), strict=True)
    if key == UNIT:
        return [Label(hashed(secret, one).hex(), value) for one, value in found if one and value is not None]
    return [Label(one, value) for one, value in found if one and value is not None]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _read(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    kinds = {
        ".csv": _read_csv(csv),
        ".jsonl": json.read_json,
        ".json": json.read_json,
        ".ndjson": json.read_json,
    }
    kinds[".parquet"] = parquet.read_table
    ending = (path.with_suffix("") if path.suffix == ".gz" else path).suffix
    if ending not in kinds:
        raise DataError(
            f"labels {path}", expected="a .csv, .jsonl or .parquet file", seen=path.suffix or "no ending"
        )
    try:
        return kinds[ending](str(path))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"labels {path}", expected="a readable table", seen=str(error).split("\n")[0]
        ) from error
    except OSError as error:
        raise storage_error(path, error) from error


def _read_csv(csv: Any) -> Callable[[str], Any]:
    def read(path: str) -> Any:
        import pyarrow as pa

        # Digits of an id are text: leading zeros count.
        types = {REQUEST_ID: pa.string(), UNIT: pa.string()}
        return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types))

    return read
