"""Rows of TFRecord files in a form that is equal where they are: TensorFlow's encoder writes features in any order."""

from __future__ import annotations

import gzip
import io

from foundation.tfrecord import read_records

Row = list[bytes]
"""The features of a row, each as serialized, in order."""


def rows_of(shard: bytes) -> list[Row]:
    """Returns the rows of a gz TFRecord file, in their order."""
    return [_features(record) for record in read_records(io.BytesIO(gzip.decompress(shard)))]


def _features(example: bytes) -> Row:
    """Returns the entries of the map in ``tf.Example``'s one field."""
    (features,) = _fields(example) or [b""]
    return sorted(_fields(features))


def _fields(message: bytes) -> list[bytes]:
    """Returns the values of a message whose fields all have the number 1 and a length."""
    found, place = [], 0
    while place < len(message):
        assert message[place] == 0x0A, "a field of number 1 that has a length"
        size, place = _varint(message, place + 1)
        found.append(message[place : place + size])
        place += size
    return found


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[place] & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if message[place - 1] < 0x80:
            return value, place
