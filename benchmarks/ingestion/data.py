"""Documents as an application with learners has them: 20 fields, about 600 bytes as relaxed Extended JSON."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import bson
from bson import ObjectId, json_util
from bson.datetime_ms import DatetimeMS

FIELDS = [
    "user_id", "created_at", "country", "device.os", "device.version", "device.screen", "stats.lessons",
    "stats.minutes", "stats.streak", "stats.score", "tags", "plan", "age", "verified", "last_seen", "ratio",
    "share", "visits", "rank", "bio",
]  # fmt: skip
LABEL = "retained"
FORMATS = ("relaxed", "canonical", "relaxed gz", "bson")
_BLOCK = 10_000


def make_document(number: int, draw: random.Random) -> dict[str, Any]:
    """Returns one document; the same number and generator give the same."""
    return {
        "_id": ObjectId(f"{number:024x}"),
        "user_id": ObjectId(f"{draw.randrange(50_000):024x}"),
        "created_at": DatetimeMS(1_700_000_000_000 + number * 997),
        "country": draw.choice(["DE", "FR", "US", "BR", "IN"]),
        "device": {
            "os": draw.choice(["ios", "android", "web"]),
            "version": f"{draw.randrange(20)}.{draw.randrange(10)}",
            "screen": draw.choice([320, 768, 1080]),
        },
        "stats": {
            "lessons": draw.randrange(500),
            "minutes": draw.random() * 1000,
            "streak": draw.randrange(30),
            "score": draw.random(),
        },
        "tags": [draw.choice("abcdefgh") * 5 for _ in range(draw.randrange(5))],
        "plan": draw.choice(["free", "pro"]),
        "age": draw.randrange(80),
        "verified": draw.random() < 0.5,
        "last_seen": DatetimeMS(1_700_000_000_000 + number * 1997),
        "ratio": draw.random(),
        "share": draw.random(),
        "visits": draw.randrange(10**9),
        "rank": draw.randrange(100),
        "bio": "lorem ipsum dolor sit amet " * 2,
        LABEL: draw.random() < 0.4,
    }


def write_export(folder: Path, kind: str, documents: int) -> Path:
    """Writes an export of one format, unless it exists; large ones repeat a block of 10,000 with other ids.

    Returns:
        The file.
    """
    name = {"relaxed": "r.jsonl", "canonical": "c.jsonl", "relaxed gz": "r.jsonl.gz", "bson": "b.bson"}[kind]
    path = folder / str(documents) / name
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    block = [make_document(i, draw) for i in range(min(_BLOCK, documents))]
    encoded = [_encode(document, kind) for document in block]
    first = _encode({"_id": ObjectId("0" * 24)}, kind)
    with gzip.open(path, "wb", 6) if kind == "relaxed gz" else path.open("wb") as file:
        for number in range(documents):
            raw = encoded[number % len(encoded)]
            file.write(_renumbered(raw, number, number % len(encoded), kind, first))
    return path


def _encode(document: dict[str, Any], kind: str) -> bytes:
    if kind == "bson":
        return bytes(bson.encode(document))
    options = json_util.CANONICAL_JSON_OPTIONS if kind == "canonical" else json_util.RELAXED_JSON_OPTIONS
    return str(json_util.dumps(document, json_options=options, separators=(",", ":"))).encode() + b"\n"


def _renumbered(raw: bytes, number: int, old: int, kind: str, first: bytes) -> bytes:
    """Gives a copied document an id of its own; the id comes first in a document."""
    if kind == "bson":
        place = first.index(b"_id\0") + 4
        return raw[:place] + number.to_bytes(12, "big") + raw[place + 12 :]
    return raw.replace(b"%024x" % old, b"%024x" % number, 1)
