"""The split of a document depends on its key alone: not on process, order, path or type of the key."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from bson import Int64, ObjectId

from components.exports.keys import key_text
from components.mongo_example_gen.splits.codes import split_codes

SHARES = (7, 1, 2)


def test_known_keys_stay_where_they_are() -> None:
    """These are promises to every pipeline that ran before: never change them."""
    keys = ["a", "b", "1", "2", "507f1f77bcf86cd799439011", "ünï", "", "u17", "u20"]
    assert split_codes(keys, SHARES).tolist() == [0, 0, 0, 0, 2, 1, 0, 0, 1]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_other_processes_agree(seed: str) -> None:
    code = "from components.mongo_example_gen.splits.codes import split_codes; print(split_codes(map(str, range(200)), (7, 1, 2)).tolist())"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout.strip() == str(split_codes(map(str, range(200)), SHARES).tolist())


def test_shares_are_kept() -> None:
    counts = np.bincount(split_codes((f"user{i}" for i in range(20000)), SHARES)) / 20000
    assert counts == pytest.approx([0.7, 0.1, 0.2], abs=0.01)


@pytest.mark.parametrize("same", [(1, Int64(1), 1.0, "1"), (ObjectId("a" * 24), "a" * 24), (True, "true")])
def test_one_key_in_several_types_is_one_key(same: tuple[object, ...]) -> None:
    assert len({key_text(value) for value in same}) == 1


def test_order_changes_nothing() -> None:
    keys = [f"user{i}" for i in range(500)]
    turned = split_codes(reversed(keys), SHARES)[::-1]
    assert turned.tolist() == split_codes(keys, SHARES).tolist()
