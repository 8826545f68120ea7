"""Encodes a batch of documents from the server as the bytes of a shard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

_STRICT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
)
_LENIENT = _STRICT.with_options(unicode_decode_error_handler="replace")
_MODES = {"relaxed": json_util.RELAXED_JSON_OPTIONS, "canonical": json_util.CANONICAL_JSON_OPTIONS}


class Encoder:
    """Turns batches into Extended JSON lines or BSON.

    Args:
        format: ``relaxed``, ``canonical`` or ``bson``.
    """

    def __init__(self, format: str) -> None:
        options = _MODES.get(format)
        self._options = options and options.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)
        self.replaced = 0
        """Documents in which invalid UTF-8 was replaced with U+FFFD, as mongoexport does; BSON keeps the bytes."""

    def encode(self, batch: bytes) -> tuple[bytes, int, Any]:
        """Returns a batch's bytes in the shard, its number of documents, and the last one's ``_id``."""
        raw = list(split(batch))
        if self._options is None:
            return batch, len(raw), self._decode(raw[-1])["_id"]
        documents = [self._decode(each) for each in raw]
        lines = [
            json_util.dumps(each, json_options=self._options, ensure_ascii=False, separators=(",", ":"))
            for each in documents
        ]
        return ("\n".join(lines) + "\n").encode(), len(raw), documents[-1]["_id"]

    def _decode(self, raw: bytes) -> dict[str, Any]:
        try:
            return bson.decode(raw, _STRICT)
        except InvalidBSON:
            self.replaced += 1
            return bson.decode(raw, _LENIENT)


def split(batch: bytes) -> Iterator[bytes]:
    """Yields the documents of concatenated BSON."""
    place = 0
    while place < len(batch):
        size = int.from_bytes(batch[place : place + 4], "little")
        yield batch[place : place + size]
        place += size
