"""The prediction log as the next training data: features, label, weight and arm in an export that the pipeline reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError, StorageError
from foundation.publish import published_folder
from serving.experiments.log.documents import ABOUT, Shape, documents
from serving.experiments.log.join import KEY_COLUMNS, Match, held_out, usable
from serving.experiments.log.read import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.experiments.log.labels import Label

_SPAN: Final = "{SPAN}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds.

    Attributes:
        folder: Where it is.
        rows: Rows.
        arms: Rows by arm.
        left_out: Requests that are not in it, by reason.
    """

    folder: Path
    rows: int
    arms: Mapping[str, int]
    left_out: Mapping[str, int]


def export(
    directory: Path,
    experiment: str,
    labels: Sequence[Label],
    target: Path,
    label: str,
    shape: Shape | None = None,
    holdout: float = 0.0,
    only_holdout: bool = False,
) -> Exported:
    """Writes the labelled predictions of an experiment.

    Copies, failed requests, and those that the fallback answered are left out, and so is what has no label yet.

    Args:
        directory: The log's directory.
        experiment: The experiment's name.
        labels: What became of units or requests.
        target: A folder that does not exist yet; ``{SPAN}`` in its last part is the next number.
        label: Name of the feature with the label.
        shape: How features become documents.
        holdout: Share of units that are left out; always the same ones.
        only_holdout: Whether just those are written instead.

    Raises:
        DataError: There is no log or nothing to write, or an input has the label's name.
        StorageError: The folder exists, or cannot be written.
    """
    left_out: Counter[str] = Counter()
    match = Match(labels)
    requests: Counter[str] = Counter()
    for table in tables(directory, experiment, shadows=True, columns=KEY_COLUMNS):
        wanted = usable(table, left_out)
        requests["all"] += sum(index == 0 for index in wanted["row_index"].to_pylist())
        match.look(wanted)
    found = match.found()
    left_out["without a label, or not the request of their unit that counts"] = requests["all"] - len(found)
    if holdout:
        kept = {request: one for request, one in found.items() if held_out(one.unit, holdout) == only_holdout}
        left_out["not held out" if only_holdout else "held out"] = len(found) - len(kept)
        found = kept
    left_out = Counter({reason: count for reason, count in left_out.items() if count})
    if not found:
        raise _nothing(experiment, left_out)
    folder = _next(target)
    rows = (documents(table, found, label, shape or Shape()) for table in tables(directory, experiment))
    arms = _write(folder, rows)
    return Exported(folder, sum(arms.values()), arms, left_out)


def _nothing(experiment: str, left_out: Counter[str]) -> DataError:
    seen = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    return DataError(
        f"prediction log of {experiment}",
        expected="a request with a label",
        seen=seen or "none",
        remedy="wait until the windows of the rewards close, or give --labels; units count when their window is over",
    )


def _next(target: Path) -> Path:
    """Returns the folder with the next number in place of ``{SPAN}``."""
    if _SPAN not in target.name:
        return target
    pattern = re.compile(re.escape(target.name).replace(re.escape(_SPAN), r"(\d+)"))
    names = [path.name for path in target.parent.iterdir()] if target.parent.is_dir() else []
    taken = [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
    return target.with_name(target.name.replace(_SPAN, str(max(taken, default=0) + 1)))


def _write(folder: Path, parts: Iterator[Any]) -> Counter[str]:
    import pyarrow.parquet as pq

    if folder.exists():
        raise StorageError(
            f"{folder}",
            expected="no such folder yet",
            seen="one",
            remedy="name another, or end the path with {SPAN} for the next number",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    arms: Counter[str] = Counter()
    with published_folder(folder) as temporary:
        writer = None
        try:
            for table in parts:
                writer = writer or pq.ParquetWriter(temporary / "data-00000.parquet", table.schema)
                writer.write_table(table)
                arms.update(part["arm"] for part in table[ABOUT].to_pylist())
        finally:
            if writer is not None:
                writer.close()
    return arms
