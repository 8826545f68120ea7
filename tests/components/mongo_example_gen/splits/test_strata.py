"""Stratified splits: exact shares in each stratum, one side for each key, the same for any order and size of parts."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from components.mongo_example_gen.splits import strata
from components.mongo_example_gen.splits.codes import split_codes, time_codes
from components.mongo_example_gen.splits.strata import find_bounds, pairs
from foundation.errors import DataError

SHARES = (7, 1, 2)
VALUES: list[str | None] = [("rare" if n % 50 == 0 else "often") if n % 10 else None for n in range(3000)]
KEYS = [f"k{n}" for n in range(3000)]


def _codes(folder: Path, values: list[str | None], keys: list[str], files: int = 3) -> list[int]:
    paths = []
    for part in range(files):
        paths.append(folder / f"gathered-{part}")
        paths[-1].write_bytes(pairs(values[part::files], keys[part::files]))
    return find_bounds(paths, folder, SHARES).codes(values, keys, SHARES).tolist()


def test_each_stratum_has_its_shares_to_the_key(tmp_path: Path) -> None:
    values = [f"s{n % 7}" for n in range(700)]
    counts = Counter(zip(values, _codes(tmp_path, values, KEYS[:700]), strict=True))
    assert all([counts[f"s{s}", c] for c in range(3)] == [70, 10, 20] for s in range(7))


@pytest.mark.parametrize("part_bytes", [2**25, 4096])
def test_order_and_parts_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_bytes: int
) -> None:
    expected = dict(zip(KEYS, _codes(tmp_path, VALUES, KEYS), strict=True))
    monkeypatch.setattr(strata, "PARTITION_BYTES", part_bytes)
    order = random.Random(3).sample(range(3000), 3000)
    found = _codes(tmp_path, [VALUES[i] for i in order], [KEYS[i] for i in order], files=5)
    assert dict(zip([KEYS[i] for i in order], found, strict=True)) == expected


def test_a_key_in_several_strata_stays_on_one_side(tmp_path: Path) -> None:
    keys = [f"u{n // 2}" for n in range(400)]
    values: list[str | None] = ["a" if n % 4 < 2 or n % 2 else "b" for n in range(400)]
    codes = _codes(tmp_path, values, keys)
    assert all(len({codes[n], codes[n + 1]}) == 1 for n in range(0, 400, 2))
    mixed = [n for n in range(0, 400, 2) if values[n] != values[n + 1]]
    assert [codes[n] for n in mixed] == split_codes([keys[n] for n in mixed], SHARES).tolist()


def test_too_many_strata_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data.split.stratify; expected a field of at most 1000 different values"
    ):
        _codes(tmp_path, [f"v{n}" for n in range(1001)], KEYS[:1001])


def test_dates_are_split_by_their_bounds() -> None:
    moments = np.array([0, 99, 100, 199, 200, 0])
    known = np.array([True] * 5 + [False])
    assert time_codes(moments, known, (100, 200)).tolist() == [0, 0, 1, 1, 2, -2]
