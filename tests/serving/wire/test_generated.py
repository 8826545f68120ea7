"""Generated message classes against the ``.proto`` files beside them; scripts/protos regenerates them."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PROTOS = sorted(path.relative_to(ROOT) for path in (ROOT / "serving").rglob("*.proto"))
FIELD = re.compile(r"(repeated |map<string, )?([\w.]+)>? (\w+) = (\d+);")


def written(proto: Path) -> dict[str, list[tuple[str, int, str, bool]]]:
    """Message → name, number, type and "is repeated" of its fields, from the text."""
    text = re.sub(r"//.*", "", (ROOT / proto).read_text(encoding="utf-8"))
    messages = (piece.partition(" {") for piece in text.split("\nmessage ")[1:])
    return {
        name: [
            (field, int(number), kind.rpartition(".")[2], bool(many))
            for many, kind, field, number in FIELD.findall(body)
        ]
        for name, _, body in messages
    }


def generated(proto: Path) -> dict[str, list[tuple[str, int, str, bool]]]:
    """The same from the generated module."""
    module = importlib.import_module(f"{proto.with_suffix('').as_posix().replace('/', '.')}_pb2")
    return {
        name: [(f.name, f.number, kind_of(f), f.is_repeated) for f in message.fields]
        for name, message in module.DESCRIPTOR.message_types_by_name.items()
    }


def kind_of(field: Any) -> str:
    """A field's type as named in a ``.proto`` file; for a map, its values' type."""
    if field.message_type is None:
        return {
            3: "int64",
            1: "double",
            13: "uint32",
            4: "uint64",
            5: "int32",
            8: "bool",
            2: "float",
            9: "string",
            12: "bytes",
        }[field.type]
    if field.message_type.GetOptions().map_entry:
        return kind_of(field.message_type.fields_by_name["value"])
    return str(field.message_type.name)


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_generated_classes_match_the_text(proto: Path) -> None:
    assert written(proto)
    assert generated(proto) == written(proto)
