"""What a look counts and estimates: distinct values, and the documents behind a sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.look import look
from pipeline.look.sketch import KEPT, Distinct
from pipeline.look.text import rows


def distinct(values: list[Any], whole: bool = False) -> Distinct:
    found = Distinct()
    found.add(values, len(values), whole)
    return found


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        pytest.param([-1, -2], True, id="whole"),
        pytest.param([-1, -2], False, id="any"),
        pytest.param([-1.0, -2.0], False, id="floats"),
        pytest.param([0, 2**61 - 1, -1, -2], True, id="beyond 61 bits"),
        pytest.param([-(2**63), 2**63 - 1, 0], True, id="ends of 64 bits"),
        pytest.param([2**70, -1, -2], True, id="beyond 64 bits"),
    ],
)
def test_different_numbers_are_different_values(values, whole):
    assert len(distinct(values, whole)) == len(values)


def test_equal_numbers_are_one_value_whatever_their_type():
    found = distinct([-1, 5, 0], whole=True)
    found.add([-1.0, 5.0, 0.0], 3)
    assert len(found) == 3


@pytest.mark.parametrize(
    "made", [lambda i: i - 2000, lambda i: f"v{i}", lambda i: i / 7], ids=["int", "text", "float"]
)
@pytest.mark.parametrize("count", [KEPT - 1, KEPT, KEPT + 1, 3 * KEPT])
@pytest.mark.parametrize("parts", [1, 5])
def test_counts_are_exact_up_to_what_is_kept_and_say_so(made: Callable[[int], Any], count: int, parts: int):
    values = [made(i) for i in range(count)]
    found = Distinct()
    for part in range(parts):
        other = distinct([*values[part::parts], *values[:3]])
        found.merge(other)
    assert found.is_exact == (count <= KEPT)
    assert len(found) == (count if count <= KEPT else pytest.approx(count, rel=0.08))
    assert (len(found) > KEPT) == (count > KEPT)


def test_estimates_are_marked(tmp_path: Path):
    lines = [json.dumps({"few": i % KEPT, "many": i % (KEPT + 1)}) for i in range(KEPT + 1)]
    (tmp_path / "export.jsonl").write_text("\n".join(lines) + "\n")
    shown = {row[0]: row[4] for row in rows(look(str(tmp_path / "export.jsonl"), limit=None))}
    assert shown["few"] == f"{KEPT:,}"
    assert shown["many"].startswith("~")


@pytest.mark.parametrize(
    "write",
    [
        lambda documents: "".join(f"{json.dumps(d)}\n" for d in documents),
        lambda documents: "".join(f"{json.dumps(d)}\r\n\r\n" for d in documents),
        lambda documents: json.dumps(documents, indent=4),
        lambda documents: json.dumps(documents, separators=(",", ":")),
        lambda documents: "a,b\n" + "".join(f"{d['a']},{d['b']}\n" for d in documents),
    ],
    ids=["lines", "blank lines", "indented array", "tight array", "csv"],
)
def test_the_number_of_short_documents_is_estimated_well(tmp_path: Path, write: Callable[[list[Any]], str]):
    text = write([{"a": i % 10, "b": 1} for i in range(60_000)])
    file = tmp_path / f"export.{'csv' if text[0] == 'a' else 'json'}"
    file.write_text(text)
    seen = look(str(file), limit=2_000)
    assert not seen.everything
    assert seen.about == pytest.approx(60_000, rel=0.02)
