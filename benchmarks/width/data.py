"""Messy documents of any width: nested, of mixed types, with holes, arrays, dates, codes and numbers as text.

A field's values depend on its number and the seed alone, so that wider documents are narrower ones with more fields.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from foundation.publish import published_file

SEED = 13
DOCUMENTS = 15_295
LABEL = "converted"
_BLOCK = 1000
"""Documents that are made at once."""
_GROUP = 12
"""Fields that share a nested document."""
_SIGNAL = 6
"""The first fields, on which the label depends."""
_FIRST_DAY, _SECONDS = 1_700_000_000_000, 200 * 86_400

Texts = Sequence[str]
"""JSON texts of a field's values, a document each."""


def _whole(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [str(value) for value in rng.poisson(20 + column % 60, n).tolist()]


def _real(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [f"{value:.3f}" for value in rng.normal(column % 7, 1 + column % 3, n).tolist()]


def _long_tail(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [f"{value:.2f}" for value in rng.lognormal(2.0, 1.0 + column % 2 / 4, n).tolist()]


def _mixed(rng: np.random.Generator, n: int, column: int) -> Texts:
    """Returns numbers of which some are written as whole, some as real and some as text."""
    shapes = (lambda v: str(round(v)), lambda v: f"{v:.1f}", lambda v: f'"{v:.1f}"')
    which = rng.choice(3, n, p=(0.6, 0.3, 0.1)).tolist()
    values = rng.normal(50 + column % 9, 12, n).tolist()
    return [shapes[kind](value) for kind, value in zip(which, values, strict=True)]


def _number_as_text(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [f'"{value}"' for value in rng.integers(0, 4000 + column, n).tolist()]


def _flag(rng: np.random.Generator, n: int, column: int) -> Texts:
    return ["true" if value else "false" for value in (rng.random(n) < 0.3 + column % 5 / 10).tolist()]


def _date(rng: np.random.Generator, n: int, column: int) -> Texts:
    seconds = (rng.random(n) * _SECONDS).astype(np.int64) + column * 3600
    return [f'{{"$date":{{"$numberLong":"{_FIRST_DAY + 1000 * value}"}}}}' for value in seconds.tolist()]


def _few_words(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [f'"w{column}_{value}"' for value in rng.zipf(1.8, n).clip(max=3 + column % 30).tolist()]


def _many_words(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [f'"c{column}_{value}"' for value in rng.integers(0, 3000, n).tolist()]


def _code(rng: np.random.Generator, n: int, column: int) -> Texts:
    return [str(value) for value in rng.integers(1, 4 + column % 7, n).tolist()]


def _array(rng: np.random.Generator, n: int, column: int) -> Texts:
    words = rng.integers(0, 5 + column % 25, (n, 4)).tolist()
    counts = rng.integers(0, 5, n).tolist()
    return [
        json.dumps([f"t{word}" for word in row[:count]]) for row, count in zip(words, counts, strict=True)
    ]


KINDS: tuple[Callable[[np.random.Generator, int, int], Texts], ...] = (
    _whole, _real, _few_words, _flag, _array, _code, _long_tail, _many_words, _mixed, _date, _number_as_text, _real,
    _few_words, _whole,
)  # fmt: skip
"""What fields hold, in turn."""


def path_of(column: int) -> str:
    """Returns the dotted path of a field: every third is at the top, the others are nested once or twice."""
    group = column // _GROUP
    return (f"f{column:04d}", f"part{group}.f{column:04d}", f"part{group}.inner.f{column:04d}")[column % 3]


def field_texts(seed: int, column: int, first: int, n: int) -> list[str | None]:
    """Returns the JSON texts of a field's values in a block of documents, None where the key is missing.

    Args:
        seed: Of the whole data set.
        column: Number of the field.
        first: Number of the block's first document.
        n: Documents of the block.
    """
    rng = np.random.default_rng((seed, column, first))
    values: list[str | None] = list(KINDS[column % len(KINDS)](rng, n, column))
    holes = rng.random(n)
    share = (0.0, 0.02, 0.15)[column % 3]
    for index in np.flatnonzero(holes < share).tolist():
        values[index] = None if holes[index] < share / 2 else "null"
    return values


def documents(width: int, rows: int, seed: int = SEED) -> Iterator[str]:
    """Yields documents as ``mongoexport`` writes them, a line each.

    Args:
        width: Fields beside ``_id``, ``user_id`` and the label.
        rows: Documents.
        seed: Of the whole data set.
    """
    paths = [path_of(column) for column in range(width)]
    order = sorted(range(width), key=lambda column: paths[column].split("."))
    for first in range(0, rows, _BLOCK):
        n = min(_BLOCK, rows - first)
        columns = [field_texts(seed, column, first, n) for column in range(width)]
        for index in range(n):
            yield _line(first + index, seed, [(paths[c].split("."), columns[c][index]) for c in order])


def _line(number: int, seed: int, values: Sequence[tuple[list[str], str | None]]) -> str:
    """Returns one document; the values come in the order of their paths."""
    digest = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
    head = f'{{"_id":{{"$oid":"{digest[:24]}"}},"user_id":"u{int(digest[:8], 16) % 9000}"'
    tree: dict[str, object] = {}
    for path, text in values:
        if text is not None:
            inner = tree
            for part in path[:-1]:
                inner = inner.setdefault(part, {})  # type: ignore[assignment]
            inner[path[-1]] = text
    return f'{head},{_joined(tree)},"{LABEL}":{_label(number, seed, values)}}}\n'


def _joined(tree: dict[str, object]) -> str:
    return ",".join(
        f'"{key}":{{{_joined(value)}}}' if isinstance(value, dict) else f'"{key}":{value}'
        for key, value in tree.items()
    )


def _label(number: int, seed: int, values: Sequence[tuple[list[str], str | None]]) -> str:
    """Returns whether a document is positive: by the first fields, so that there is something to learn, and by chance."""
    told = [text for path, text in values if int(path[-1][1:]) < _SIGNAL and text not in (None, "null")]
    score = sum(zlib.crc32(text[-4:].encode()) % 7 for text in told if text)
    luck = zlib.crc32(f"{seed} {number}".encode()) % 9
    return "true" if score + luck > 22 else "false"


def make_data(folder: Path, width: int, rows: int, seed: int = SEED) -> Path:
    """Returns the export of a width, written if it is not there yet.

    Args:
        folder: Where the exports are kept.
        width: Fields.
        rows: Documents.
        seed: Of the whole data set.
    """
    # Data made by older code is never reused.
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    path = folder / f"{width}-{rows}-{seed}-{version}" / "orders.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = documents(width, rows, seed)
        with published_file(path) as temporary, temporary.open("w", encoding="utf-8") as out:
            while block := "".join(islice(stream, _BLOCK)):
                out.write(block)
    return path
