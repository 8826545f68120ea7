"""k-anonymity: counts, on disk, how many rows share their quasi-identifiers.

Workers write an eight-byte digest of the published quasi-identifiers of each row. The digests are partitioned by value
into files that fit into memory, and each file is counted on its own. Two groups collide about three times in a million
exports of ten million rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from components.mongo_example_gen.columnar.rows import Rows
from foundation.publish import storage_error

PARTITION_BYTES = 32 * 2**20
"""Approximate size of the digests in memory."""
_CHUNK = 2**20
_MISSING = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def group_digests(rows: Rows, features: Sequence[str]) -> np.ndarray:
    """Returns a digest of each row's quasi-identifiers, uint64 [rows].

    Args:
        rows: Rows as written.
        features: The quasi-identifiers; one that no row has counts as missing in all.
    """
    total: np.ndarray = np.zeros(len(rows), np.uint64)
    for feature in features:
        column = rows.columns.get(feature)
        digests = np.full(len(rows), _MISSING) if column is None else _column_digests(column)
        total = _mixed(total ^ digests)
    return total


def _column_digests(column: pa.Array) -> np.ndarray:
    encoded = column.flatten().dictionary_encode()
    each = np.array([_digest(value) for value in encoded.dictionary.to_pylist()] or [0], np.uint64)
    values = each[encoded.indices.to_numpy(zero_copy_only=False)]
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    found = np.full(len(column), _MISSING)
    ends = np.cumsum(lengths)
    for place in range(int(lengths.max(initial=0))):  # arrays: the n-th item of every row at a time
        rows = np.flatnonzero(lengths > place)
        found[rows] = _mixed(found[rows] ^ values[ends[rows] - lengths[rows] + place])
    return found


def _digest(value: Any) -> int:
    text = value if isinstance(value, bytes) else repr(value).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _mixed(values: np.ndarray) -> np.ndarray:
    """Mixes the bits of 64-bit values like splitmix64; overflow is intended."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def anonymity(files: Sequence[Path], folder: Path, k: int) -> dict[str, Any]:
    """Returns the sizes of groups over all files of digests.

    Args:
        files: Files of uint64 digests, one per row.
        folder: Where temporary files may be written.
        k: Rows in groups smaller than this are exposed.

    Returns:
        ``rows``, ``groups``, ``smallest`` group, ``rows_below_k`` and their ``share``.

    Raises:
        StorageError: Temporary files cannot be written.
    """
    rows = groups = below = 0
    smallest: int | None = None
    for digests in _partitions(files, folder):
        sizes = np.unique(digests, return_counts=True)[1]
        if not len(sizes):
            continue
        rows, groups = rows + len(digests), groups + len(sizes)
        below += int(sizes[sizes < k].sum())
        smallest = int(sizes.min()) if smallest is None else min(smallest, int(sizes.min()))
    share = below / rows if rows else 0.0
    return {"rows": rows, "groups": groups, "smallest": smallest or 0, "rows_below_k": below, "share": share}


def _partitions(files: Sequence[Path], folder: Path) -> Any:
    """Yields all digests in parts that fit into memory; equal digests are in one part."""
    try:
        size = sum(file.stat().st_size for file in files)
        if size <= PARTITION_BYTES:
            yield np.concatenate([np.fromfile(file, "<u8") for file in files] or [np.zeros(0, np.uint64)])
            return
        parts = -(-size // PARTITION_BYTES)
        places = [folder / f"groups-part-{number}.tmp" for number in range(parts)]
        try:
            _deal(files, places)
            for place in places:
                yield np.fromfile(place, "<u8")
                place.unlink()
        finally:
            for place in places:
                place.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _deal(files: Sequence[Path], places: list[Path]) -> None:
    for place in places:
        place.touch()
    for file in files:
        with file.open("rb") as stream:
            while len(digests := np.frombuffer(stream.read(8 * _CHUNK), "<u8")):
                which = digests % np.uint64(len(places))
                for number, place in enumerate(places):
                    with place.open("ab") as out:
                        out.write(digests[which == number].tobytes())
