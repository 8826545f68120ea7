"""A toy format, added as docs/adding.md says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block, Format
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.plan import Plan, make_plan


def _pairs(raw: bytes) -> dict[str, Any]:
    try:
        return dict(pair.split("=", 1) for pair in raw.decode().split(";"))
    except ValueError as error:
        raise BadDocumentError("not pairs") from error


PAIRS = Format(
    "pairs",
    "lines of key=value pairs",
    recognises=lambda head: b"=" in head.split(b";")[0],
    blocks=lambda stream, path, part: iter([Block(stream.read().splitlines(), 0)]),
    decoder=lambda block: (_pairs, False),
    suffix="pairs",
)


def _plan() -> Plan:
    from components.exports.fields import FieldConfig
    from components.mongo_example_gen.config import DataConfig

    config = DataConfig.model_validate({"mongo_export": "x", "label": "y"})
    return make_plan(config, {"a": FieldConfig(type="int"), "y": FieldConfig(type="int")}, True)


@pytest.mark.parametrize("declared", ["auto", "pairs"])
def test_a_registered_format_is_recognised_and_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str
) -> None:
    monkeypatch.setitem(FORMATS, "pairs", PAIRS)
    (tmp_path / "e").write_bytes(b"_id=1;a=7;y=1\nnonsense\n_id=2;a=8;y=0\n")
    items = plan_items(recognise_all([(tmp_path / "e", "e")], declared))
    (part,) = items[0].parts
    (block,) = read_part(part)
    (rows,), bad = convert_block(block, part.format.kind, _plan(), Counter())
    assert rows.columns["a"].to_pylist() == [[7], [8]]
    assert bad == [(1, "not pairs")]
