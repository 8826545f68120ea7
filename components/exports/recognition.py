"""Recognises the format of a file by its content, never by its name."""

from __future__ import annotations

import re

from components.exports.formats import FORMATS
from components.exports.formats.base import BOM, Dialect, FileFormat
from components.exports.formats.csv import other_separator
from components.exports.formats.json_grammar import is_shell_syntax
from components.exports.formats.jsonl import is_pretty
from components.exports.streams import Compression, compression_of, open_stream, read_guarded
from foundation.errors import DataError
from foundation.storage import Location

HEAD_BYTES = 64 * 2**10
_UTF_16 = ("UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`")
_REFUSED = {b"PK\x03\x04": ("a zip archive", "unpack it"), b"\xff\xfe": _UTF_16, b"\xfe\xff": _UTF_16}
_NO_SHELL = "export with mongoexport, or print EJSON.stringify(document) in the shell, one document per line"
_UTF_16_WITHOUT_MARK = re.compile(
    rb"[\[{\s]\x00[^\x00]\x00[^\x00]\x00|\x00[\[{\s]\x00[^\x00]\x00[^\x00]", re.DOTALL
)


def recognise(path: Location, declared: str = "auto") -> FileFormat | None:
    """Recognises a file by its first bytes.

    Args:
        path: The file.
        declared: ``auto``, or the format given in the document; then only compression and dialect are detected.

    Returns:
        The format, or None for a file without content.

    Raises:
        DataError: The format is unsupported or unknown, or the compression is broken.
    """
    compression = compression_of(path)
    with open_stream(path, compression) as stream:
        head = read_guarded(stream, HEAD_BYTES, path)
    body = head.removeprefix(BOM)
    if not body.strip():
        return None
    _refuse(body, path, compression)
    kind = _kind(declared, body, path)
    return FileFormat(kind, compression, _dialect(body) if FORMATS[kind].encoding == "json" else "none")


def _refuse(body: bytes, path: Location, compression: Compression) -> None:
    found = [refused for magic, refused in _REFUSED.items() if body.startswith(magic)]
    if _UTF_16_WITHOUT_MARK.match(body):
        found.append(_UTF_16)
    if compression != "none" and FORMATS["parquet"].recognises(body):
        found.append(("compressed Parquet", "decompress it: Parquet compresses its own columns"))
    if body.lstrip()[:1] in (b"{", b"[") and is_shell_syntax(body):
        found.append(("output of the mongo shell (ObjectId(…), ISODate(…)), which is not JSON", _NO_SHELL))
    if found:
        raise _unknown(path, *found[0])


def _kind(declared: str, body: bytes, path: Location) -> str:
    fitting = [one for one in FORMATS.values() if one.recognises(body)]
    fitting.sort(key=lambda one: (not one.certain, one.encoding != "bson"))  # BSON may contain text
    if fitting and (declared == "auto" or fitting[0].certain):
        return fitting[0].name
    if declared == "jsonl" and is_pretty(body):
        return "json_pretty"
    if declared != "auto":
        return declared
    if other := other_separator(body):
        raise _unknown(path, *other)
    raise _unknown(
        path,
        "none of these in its first bytes",
        "check that the path is an export, and set data.format if it is",
    )


def _unknown(path: Location, seen: str, remedy: str) -> DataError:
    known = ", ".join(one.title for one in FORMATS.values())
    return DataError(f"export file {path}", expected=f"one of {known}", seen=seen, remedy=remedy)


def _dialect(body: bytes) -> Dialect:
    if re.search(rb'"\$number(Int|Double)"', body):
        return "canonical"
    legacy = rb'"\$date"\s*:\s*(-?\d|"[^"]*[+-]\d{4}")|"\$binary"\s*:\s*"|"\$regex"\s*:\s*"[^"]*"\s*,\s*"\$options"'
    return "legacy" if re.search(legacy, body) else "relaxed"
