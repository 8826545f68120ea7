"""Feeds damaged exports to the readers: no crash, no hang, nothing lost.

    python benchmarks/fuzz_readers.py --seconds 600 --seed 1

Small exports of every format are damaged at random (bytes changed, parts cut out, doubled, or taken from another format).
An input either is read, and then every document of it is a row or is quarantined, or it is refused with an error of
Penstock's own tree. Anything else ends the run with the input's file, seed and number.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bson
import zstandard

from components.exports import tally as count
from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.fields import FieldConfig
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import Plan, make_plan
from foundation.errors import PenstockError

LONGEST_SECONDS = 10.0
TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"null",
    b'{"$oid":',
    b'{"$date":',
]
TOKENS += [
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"\\ud800",
    b"\xed\xa0\x80",
    b"NaN",
    b"[" * 2000,
    b'{"a":' * 2000,
]
FIELDS = {"a": "int", "b.s": "string", "b.t": "float", "c": "date", "d": "bool"}


def make_seeds() -> list[bytes]:
    """Returns small exports of every format."""
    documents = [
        {"_id": i, "a": i, "b": {"s": "x\u00fc", "t": i / 3}, "c": "2024-01-01T00:00:00Z", "d": i % 2 == 0}
        for i in range(30)
    ]
    lines = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in documents)
    wrapped = lines.replace(b'"_id": ', b'"_id": {"$numberInt": "').replace(b', "a"', b'"}, "a"')
    wrapped = wrapped.replace(b'"2024-01-01T00:00:00Z"', b'{"$date": "2024-01-01T00:00:00Z"}')
    dumped = b"".join(bson.encode(one) for one in documents)
    table = b"_id,a,b.s,b.t,c,d\n" + b"".join(b'%d,%d,"x,y",0.5,,true\n' % (i, i) for i in range(30))
    plain = [
        lines,
        wrapped,
        json.dumps(documents).encode(),
        json.dumps(documents[0], indent=1).encode(),
        dumped,
        table,
    ]
    packed = [gzip.compress(lines), bz2.compress(lines), zstandard.compress(lines), gzip.compress(dumped)]
    return plain + packed


def damage(seed: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """Returns a damaged copy."""
    data = bytearray(seed)
    for _ in range(draw.choice([1, 1, 2, 4, 8])):
        low = draw.randrange(len(data) + 1)
        high = min(len(data), low + draw.choice([1, 1, 4, 30, 300]))
        kind = draw.randrange(6)
        if kind == 0 and low < len(data):
            data[low] = draw.randrange(256)
        elif kind == 1:
            del data[low:high]
        elif kind == 2:
            data[low:low] = data[low:high]
        elif kind == 3:
            data[low:low] = draw.choice(TOKENS)
        elif kind == 4:
            other = draw.choice(others)
            start = draw.randrange(len(other))
            data[low:high] = other[start : start + 200]
        else:
            del data[draw.randrange(len(data) + 1) :]
    return bytes(data)


def read(path: Path, plan: Plan) -> str:
    """Reads one input to its end; returns the outcome.

    Raises:
        AssertionError: A document is neither a row nor quarantined.
    """
    try:
        items = plan_items(recognise_all([(path, path.name)], "auto"))
        tally: Counter[tuple[str, ...]] = Counter()
        rows = bad = there = 0
        for part in (part for item in items for part in item.parts):
            for block in read_part(part):
                good, broken = convert_block(block, part.format.kind, plan, tally)
                rows, bad = rows + sum(map(len, good)), bad + len(broken)
                blank = sum(1 for raw in block.documents if not raw.strip())
                there += len(block.documents) - blank
    except PenstockError:
        return "refused"
    assert tally[count.READ] == rows + bad == there, (tally[count.READ], rows, bad, there)
    return "read, some quarantined" if bad else "read"


def fuzz(seconds: float, seed: int, folder: Path) -> Counter[str]:
    """Reads damaged inputs until the time is up; returns how many had each outcome."""
    config = DataConfig.model_validate({"mongo_export": "x", "label": "d", "split": {"by": "a"}})
    fields = {path: FieldConfig(type=kind) for path, kind in FIELDS.items()}  # type: ignore[arg-type]
    plan = make_plan(config, fields, labelled=True)
    seeds, draw, found = make_seeds(), random.Random(seed), Counter[str]()
    path, end, number = folder / "input", time.monotonic() + seconds, 0
    while time.monotonic() < end:
        path.write_bytes(damage(draw.choice(seeds), seeds, draw))
        began = time.monotonic()
        try:
            found[read(path, plan)] += 1
        except BaseException:
            print(f"input {number} of seed {seed} is kept in {path}", file=sys.stderr)
            raise
        number += 1
        assert time.monotonic() - began < LONGEST_SECONDS, f"input {number} of seed {seed} took too long"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = fuzz(given.seconds, given.seed, Path(tempfile.mkdtemp(prefix="penstock-fuzz-")))
    print(
        f"{sum(found.values()):,} inputs: "
        + ", ".join(f"{times:,} {what}" for what, times in found.most_common())
    )


if __name__ == "__main__":
    main()
