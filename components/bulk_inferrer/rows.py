"""Reads a shard of Examples to be predicted: each row's id, its type and the serialized Example."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.exports.fields import ID
from components.exports.identity import ID_FEATURE, TYPE_FEATURE, WITHOUT
from foundation.errors import DataError

BATCH = 1024


@dataclass(frozen=True)
class Ids:
    """The ids of some documents, in order."""

    json: Sequence[str]
    """Each as Extended JSON; empty where a document has none."""
    types: Sequence[str]
    """Name of each one's BSON type; ``missing`` where a document has none."""
    typed: bool = False
    """Whether the type is written beside each: ids that are hashed do not show it."""


def beside(shard: Path) -> tuple[Path, Path]:
    """Returns the files beside a shard of predictions: what it holds, and digests of its ids."""
    return shard.with_suffix(".seen"), shard.with_suffix(".ids")


@dataclass
class Seen:
    """What a shard holds: the model's outputs, and ids, to find out whether they tell documents apart."""

    types: Counter[str] = field(default_factory=Counter)
    outputs: set[str] = field(default_factory=set)
    digests: list[bytes] = field(default_factory=list)

    def add(self, ids: Ids, outputs: Iterable[str]) -> None:
        """Notes the ids of a batch and the names of the model's outputs."""
        self.outputs.update(outputs)
        self.types.update(ids.types)
        known = ((t, j) for t, j in zip(ids.types, ids.json, strict=True) if t != WITHOUT)
        self.digests += [hashlib.blake2b(f"{t} {j}".encode(), digest_size=8).digest() for t, j in known]

    def write(self, shard: Path) -> None:
        """Writes them beside a shard of predictions."""
        about, ids = beside(shard)
        about.write_text(json.dumps({"types": self.types, "outputs": sorted(self.outputs)}))
        ids.write_bytes(b"".join(self.digests))


@dataclass(frozen=True)
class Found:
    """What all shards of predictions hold."""

    types: dict[str, int]
    """BSON type → ids of that type."""
    repeated: int
    """Rows whose id another row has, too."""
    outputs: tuple[str, ...]
    """Names of the model's outputs."""


def found_in(shards: Sequence[Path]) -> Found:
    """Returns what was noted beside shards of predictions."""
    noted = [json.loads(beside(shard)[0].read_text()) for shard in shards]
    types: Counter[str] = Counter()
    for one in noted:
        types.update(one["types"])
    digests = np.concatenate([np.fromfile(beside(shard)[1], "<u8") for shard in shards])
    times = np.unique(digests, return_counts=True)[1]
    outputs = tuple(sorted(set().union(*(one["outputs"] for one in noted))))
    return Found(dict(sorted(types.items())), int(times[times > 1].sum()), outputs)


def read_batches(file: str, typed: bool = False) -> Iterable[tuple[Ids, Any]]:
    """Yields [n] ids and [n] serialized Examples of a shard, batch by batch.

    Args:
        file: The shard.
        typed: Whether ids are hashed.

    Raises:
        DataError: A document has no ``_id``, or the shard is damaged.
    """
    import tensorflow as tf

    def text(default: str | None = None) -> Any:
        return tf.io.FixedLenFeature([], tf.string, default)

    # Examples that another component wrote have a text as their id.
    spec = {ID: text(), ID_FEATURE: text(""), TYPE_FEATURE: text("string")}
    try:
        for records in tf.data.TFRecordDataset(file, "GZIP").batch(BATCH):
            found = {name: _texts(values) for name, values in tf.io.parse_example(records, spec).items()}
            types = found[TYPE_FEATURE]
            every = zip(found[ID_FEATURE], found[ID], types, strict=True)
            texts = [given or ("" if kind == WITHOUT else _quoted(plain)) for given, plain, kind in every]
            yield Ids(texts, types, typed), records.numpy()
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise DataError(f"shard {file}", expected="documents with an _id", seen=str(error.message)) from error


def _texts(values: Any) -> list[str]:
    return [one.decode("utf-8", "replace") for one in values.numpy()]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
