"""The formats of exports: add yours here."""

from __future__ import annotations

from components.exports.formats.archive import ARCHIVE
from components.exports.formats.base import Format
from components.exports.formats.bson import BSON
from components.exports.formats.csv import CSV
from components.exports.formats.json_values import JSON_ARRAY, JSON_PRETTY
from components.exports.formats.jsonl import JSON_LINES
from components.exports.formats.parquet import PARQUET

FORMATS: dict[str, Format] = {
    one.name: one for one in (JSON_LINES, JSON_ARRAY, JSON_PRETTY, BSON, CSV, PARQUET, ARCHIVE)
}
"""Name → format."""
