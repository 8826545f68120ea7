"""Stratified splits: within each value of a field, the keys of lowest hash are train, the next validation, the rest test.

The keys of all documents are gathered in files and partitioned by hash into parts that fit into memory, so memory does
not grow with the export. The result is small: two bounds per stratum. A key with documents in several strata is assigned
by its hash alone, so that it stays in one split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from components.mongo_example_gen.splits.codes import codes_of, key_hashes
from foundation.errors import DataError
from foundation.publish import storage_error
from foundation.stores.exchange import at_hand
from foundation.stores.mirror import in_store

PARTITION_BYTES = 32 * 2**20
MOST_STRATA = 1000
_CHUNK = 2**20
_PAIR = np.dtype([("key", ">u8"), ("stratum", ">u8")])


@dataclass(frozen=True)
class Strata:
    """Bounds of all strata, for assigning rows."""

    strata: np.ndarray
    """Hashes of the strata in rising order, uint64 [strata]."""
    bounds: np.ndarray
    """Hash from which keys are no longer train, no longer validation; uint64 [strata, 2]."""
    mixed: str
    """File of the hashes of keys in several strata, in rising order, as workers know it."""

    def codes(self, values: Sequence[str | None], keys: Sequence[str], shares: tuple[int, ...]) -> np.ndarray:
        """Returns the number of the split of each row, int8 [rows]."""
        hashes = key_hashes(keys)
        rows = np.searchsorted(self.strata, stratum_hashes(values))
        rows = np.minimum(rows, len(self.strata) - 1)
        codes: np.ndarray = (hashes[:, None] >= self.bounds[rows]).sum(axis=1).astype(np.int8)
        mixed = _mixed(self.mixed)
        if len(mixed):
            places = np.minimum(np.searchsorted(mixed, hashes), len(mixed) - 1)
            several = mixed[places] == hashes
            codes[several] = codes_of(hashes[several], shares)
        return codes


def _mixed(place: str) -> np.ndarray:
    if in_store(place):
        return _brought(place)
    return np.memmap(place, "<u8", "r") if Path(place).stat().st_size else np.empty(0, "<u8")


@lru_cache(maxsize=1)
def _brought(address: str) -> np.ndarray:
    with at_hand(address) as file:
        return np.fromfile(file, "<u8")


def stratum_hashes(values: Sequence[str | None]) -> np.ndarray:
    """Returns a hash of each value; documents without a value form their own stratum."""
    known = {value: _hash(value) for value in set(values)}
    return np.array([known[value] for value in values], np.uint64)


def _hash(value: str | None) -> int:
    text = b"" if value is None else b"=" + value.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def pairs(values: Sequence[str | None], keys: Sequence[str]) -> bytes:
    """Returns the hashes of key and stratum of each row, 16 bytes per row."""
    found: np.ndarray = np.empty(len(keys), _PAIR)
    found["key"], found["stratum"] = key_hashes(keys), stratum_hashes(values)
    return found.tobytes()


def find_bounds(files: Sequence[Path], folder: Path, shares: tuple[int, ...]) -> Strata:
    """Finds the bounds that give every stratum its shares, to the nearest key.

    Args:
        files: Files gathered by workers.
        folder: Where the files of the result, and temporary ones, are written.
        shares: Share of train, validation and test.

    Raises:
        DataError: The field has too many values.
        StorageError: A file cannot be written.
    """
    try:
        parts = _deal(files, folder)
        mixed = folder / "strata-mixed.u64"
        sizes: dict[int, int] = {}
        with mixed.open("wb") as out:
            for part in parts:
                clean, several = _unique(part)
                several.astype("<u8").tofile(out)
                clean.tofile(part)
                for stratum, size in zip(*np.unique(clean["stratum"], return_counts=True), strict=True):
                    sizes[int(stratum)] = sizes.get(int(stratum), 0) + int(size)
                _check_few(sizes)
        bounds = _bounds(parts, sizes, shares)
        for part in parts:
            part.unlink()
    except OSError as error:
        raise storage_error(folder, error) from error
    order = sorted(sizes) or [0]
    found = [bounds.get(stratum, [0, 0]) for stratum in order]
    return Strata(np.array(order, np.uint64), np.array(found, np.uint64), str(mixed))


def _check_few(sizes: dict[int, int]) -> None:
    if len(sizes) > MOST_STRATA:
        raise DataError(
            "data.split.stratify",
            expected=f"a field of at most {MOST_STRATA} different values",
            seen="more",
            remedy="stratify by a field with few values, such as the label",
        )


def _deal(files: Sequence[Path], folder: Path) -> list[Path]:
    """Partitions pairs by the leading bits of the key's hash, so parts are in the order of hashes."""
    count = max(1, -(-sum(file.stat().st_size for file in files) // PARTITION_BYTES))
    parts = [folder / f"strata-part-{number:05d}.tmp" for number in range(count)]
    for part in parts:
        part.write_bytes(b"")
    width = np.uint64((2**64 - 1) // count + 1) if count > 1 else np.uint64(2**64 - 1)
    for file in files:
        for found in _chunks(file):
            which = np.minimum(found["key"].astype(np.uint64) // width, np.uint64(count - 1))
            for number in np.unique(which):
                with parts[int(number)].open("ab") as out:
                    out.write(found[which == number].tobytes())
    return parts


def _chunks(file: Path) -> Iterator[np.ndarray]:
    with file.open("rb") as stream:
        while data := stream.read(_PAIR.itemsize * _CHUNK):
            yield np.frombuffer(data, _PAIR)


def _unique(part: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct pairs of keys in one stratum, in order, and the keys in several."""
    found = np.fromfile(part, _PAIR)
    found = found[np.lexsort((found["stratum"], found["key"]))]
    found = found[np.append(True, found[1:] != found[:-1])] if len(found) else found
    keys, counts = np.unique(found["key"], return_counts=True)
    several = keys[counts > 1]
    return found[~np.isin(found["key"], several)], several.astype(np.uint64)


def _bounds(parts: list[Path], sizes: dict[int, int], shares: tuple[int, ...]) -> dict[int, list[int]]:
    total = sum(shares)
    cuts = {
        stratum: [round(size * shares[0] / total), round(size * (shares[0] + shares[1]) / total)]
        for stratum, size in sizes.items()
    }
    bounds = {stratum: [2**64 - 1, 2**64 - 1] for stratum in sizes}
    passed = dict.fromkeys(sizes, 0)
    for part in parts:
        found = np.fromfile(part, _PAIR)
        for stratum in np.unique(found["stratum"]):
            number = int(stratum)
            keys = found["key"][found["stratum"] == stratum]
            for place, cut in enumerate(cuts[number]):
                if passed[number] <= cut < passed[number] + len(keys):
                    bounds[number][place] = int(keys[cut - passed[number]])
            passed[number] += len(keys)
    return bounds
