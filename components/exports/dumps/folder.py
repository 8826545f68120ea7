"""Picks one collection from a ``mongodump`` folder, which has a ``.bson`` and a ``.metadata.json`` for each."""

from __future__ import annotations

import gzip
import json
import logging
from typing import NamedTuple
from urllib.parse import unquote

from components.exports.dumps.namespaces import BUCKETS, Namespace, chosen, namespace_of, what_it_holds
from components.exports.formats.base import BSON_MAX_BYTES, FileFormat, Known
from components.exports.streams import open_stream, read_guarded
from foundation.errors import DataError
from foundation.storage import Location

log = logging.getLogger(__name__)


class _Dumped(NamedTuple):
    entry: tuple[Location, str, FileFormat]
    namespace: Namespace


def one_collection(known: Known, wanted: str) -> Known:
    """Returns the files of one collection; files without mongodump's metadata are all returned.

    Time series, the oplog and MongoDB's own collections beside it are left out.

    Args:
        known: Recognised files.
        wanted: ``data.namespace``: ``database.collection``, or empty.

    Raises:
        DataError: There are several collections and none is named, or the named one is not there or holds no documents.
    """
    kind = known[0][2].kind
    if kind != "bson":
        if wanted:
            raise _no_namespaces(kind, wanted)
        return known
    dumped = [_Dumped(entry, _namespace(entry)) for entry in known]
    there = [one.namespace for one in dumped]
    bare = not any(one.name for one in there if not one.what)
    if wanted and bare and all(one.readable for one in there):
        raise DataError(
            f"data.namespace {wanted!r}",
            expected="a mongodump folder, whose .metadata.json files name the collections",
            seen="no .metadata.json beside the files",
            remedy="name one file, and remove data.namespace",
        )
    if not wanted and bare and any(not one.what for one in there):
        name = ""  # files of one export, such as Atlas's, without names
    else:
        name = chosen(
            "mongodump folder", sorted({one for one in there if one.name}), wanted, "files of one collection"
        )
    mine = [one.entry for one in dumped if _belongs(one.namespace, name, wanted)]
    left = [one.entry[1] for one in dumped if one.entry not in mine]
    if left:
        log.info("Not read: %s.", ", ".join(left))
    return mine


def _belongs(namespace: Namespace, name: str, wanted: str) -> bool:
    if wanted:
        return namespace.name == wanted
    return not namespace.what and namespace.name in (name, "")


def _namespace(entry: tuple[Location, str, FileFormat]) -> Namespace:
    path, name, found = entry
    if named := collection_of(path):
        return named
    stem = unquote(path.name.removesuffix(".gz").removesuffix(".bson"))
    if stem.startswith("system."):
        return namespace_of(path.parent.name, stem)
    what = _first_document_holds(path, found)
    return Namespace(name if what else "", what)


def _first_document_holds(path: Location, found: FileFormat) -> str:
    import bson  # imported late: recognition needs no driver

    with open_stream(path, found.compression) as stream:
        head = read_guarded(stream, 4, path)
        size = int.from_bytes(head, "little")
        raw = head + read_guarded(stream, size - 4, path) if 5 <= size <= BSON_MAX_BYTES else b""
    try:
        return what_it_holds(bson.decode(raw)) if raw else ""
    except (bson.errors.BSONError, ValueError, TypeError, OverflowError):
        return ""  # the reader counts what cannot be decoded


def collection_of(path: Location) -> Namespace | None:
    """Returns the collection of a dump file from the metadata beside it, or None without metadata.

    Long file names are cut at 238 bytes and end with a hash; the metadata has the full name. The buckets of a time
    series have the metadata of the series.

    Raises:
        DataError: The metadata cannot be read.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".bson")
    for base in dict.fromkeys((stem, stem.removeprefix(BUCKETS))):
        for name in (f"{base}.metadata.json", f"{base}.metadata.json.gz"):
            file = path.parent / name
            if file.is_file():
                return _described(file, path.parent.name, base, stem.startswith(BUCKETS))
    return None


def _described(file: Location, database: str, stem: str, buckets: bool) -> Namespace:
    data = file.read_bytes()
    try:
        metadata = json.loads(gzip.decompress(data) if file.name.endswith(".gz") else data)
        collection, kind = metadata.get("collectionName") or unquote(stem), metadata.get("type", "")
    except (ValueError, OSError, EOFError, AttributeError) as error:
        raise DataError(
            f"dump file {file}", expected="the JSON that mongodump writes", seen="something else"
        ) from error
    return namespace_of(database, collection, "timeseries" if buckets else kind)


def _no_namespaces(kind: str, wanted: str) -> DataError:
    return DataError(
        f"data.namespace {wanted!r}",
        expected="a mongodump archive or folder, which can hold several collections",
        seen=f"{kind} files",
        remedy="remove data.namespace",
    )
