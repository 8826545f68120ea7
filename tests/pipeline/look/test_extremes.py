"""Numbers near the ends of a double, and nesting beyond what MongoDB stores, are described like any others."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import bson
import pytest

from pipeline.cli.main import main
from pipeline.look import look
from pipeline.look.leaf import Leaf

NUMBERS = [1e154, 1e155, -1e160, 1.7e308, -1.7e308, 5e-324, math.inf, -math.inf, math.nan]


def _json(documents: list[dict[str, Any]]) -> bytes:
    def plain(value: Any) -> Any:
        odd = isinstance(value, float) and not math.isfinite(value)
        words = {math.inf: "Infinity", -math.inf: "-Infinity"}
        return {"$numberDouble": words.get(value, "NaN")} if odd else value

    return "".join(json.dumps({k: plain(v) for k, v in d.items()}) + "\n" for d in documents).encode()


def _csv(documents: list[dict[str, Any]]) -> bytes:
    rows = [f"{d['_id']},{d['v']},{d['y']}\n" for d in documents]
    return ("_id,v,y\n" + "".join(rows)).encode()


def _bson(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(map(bson.encode, documents))


@pytest.mark.parametrize("encode", [_json, _bson, _csv], ids=["json", "bson", "csv"])
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("times", [1, 40])
def test_every_double_is_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encode: Any, number: float, times: int
) -> None:
    documents = [{"_id": i, "v": number if i < times else i + 0.5, "y": i % 2} for i in range(40)]
    (tmp_path / "e").write_bytes(encode(documents))
    assert main(["look", str(tmp_path / "e"), "--examples", "--json", "--label", "v"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["documents"] == 40
    assert sum(said["paths"][1]["kinds"].values()) == pytest.approx(1)


@pytest.mark.parametrize("scale", [1.0, 1e99, 1e101, 1e160, 1e307])
def test_mean_and_deviation_hold_whatever_the_size(scale: float) -> None:
    leaf = Leaf()
    leaf.take("float", [scale * value for value in (2.0, 4.0, 4.0, 4.0)])
    leaf.take("float", [scale * value for value in (5.0, 5.0, 7.0, 9.0)])
    assert leaf.mean == pytest.approx(5 * scale)
    assert leaf.deviation == pytest.approx(2 * scale)


@pytest.mark.parametrize("depth", [100, 400, 900, 3000, 100_000])
@pytest.mark.parametrize(
    "pair", [("[", "]"), ('{"x":', "}"), ('[{"x":', "}]")], ids=["arrays", "documents", "both"]
)
@pytest.mark.parametrize("form", ["lines", "array", "csv"])
def test_any_nesting_is_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, pair: tuple[str, str], depth: int
) -> None:
    deep = pair[0] * depth + "1" + pair[1] * depth
    cell = deep.replace('"', '""')
    text = {
        "lines": f'{{"_id":1,"v":2}}\n{{"_id":2,"v":{deep}}}\n{{"_id":3,"v":4}}\n',
        "array": f'[{{"_id":1,"v":2}},{{"_id":2,"v":{deep}}},{{"_id":3,"v":4}}]',
        "csv": f'_id,v\n1,2\n2,"{cell}"\n3,4\n',
    }[form]
    (tmp_path / "e").write_text(text)
    assert main(["look", str(tmp_path / "e"), "--examples"]) == 0
    capsys.readouterr()
    seen = look(str(tmp_path / "e"))
    assert seen.documents + seen.bad == 3
