"""Picks one collection from a ``mongodump`` folder, which has a ``.bson`` and a ``.metadata.json`` for each."""

from __future__ import annotations

import gzip
import json
from urllib.parse import unquote

from components.exports.formats.base import Known
from foundation.errors import DataError, near_miss
from foundation.storage import Location


def one_collection(known: Known, wanted: str) -> Known:
    """Returns the files of one collection; files without mongodump's metadata are all returned.

    Args:
        known: Recognised files.
        wanted: ``data.namespace``: ``database.collection``, or empty.

    Raises:
        DataError: There are several collections and none is named, or the named one is not there.
    """
    if known[0][2].kind != "bson" or (len(known) == 1 and not wanted):
        if wanted:
            raise _no_namespaces(known[0][2].kind, wanted)
        return known
    named = [(entry, collection_of(entry[0])) for entry in known]
    names = sorted({name for _, name in named if name})
    if not wanted and len(names) < 2:
        return known
    mine = [entry for entry, name in named if name == wanted]
    if mine:
        return mine
    raise DataError(
        "mongodump folder",
        expected=f"collection {wanted!r}" if wanted else "files of one collection",
        seen=", ".join(names) or "no .metadata.json beside the files",
        remedy=near_miss(wanted, names) or "name one file, or set data.namespace to database.collection",
    )


def collection_of(path: Location) -> str | None:
    """Returns ``database.collection`` of a dump file from the metadata beside it, or None without metadata.

    Long file names are cut at 238 bytes and end with a hash; the metadata has the full name.

    Raises:
        DataError: The metadata cannot be read.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".bson")
    for name in (f"{stem}.metadata.json", f"{stem}.metadata.json.gz"):
        file = path.parent / name
        if not file.is_file():
            continue
        data = file.read_bytes()
        try:
            metadata = json.loads(gzip.decompress(data) if name.endswith(".gz") else data)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(
                f"dump file {file}", expected="the JSON that mongodump writes", seen="something else"
            ) from error
        return f"{path.parent.name}.{metadata.get('collectionName') or unquote(stem)}"
    return None


def _no_namespaces(kind: str, wanted: str) -> DataError:
    return DataError(
        f"data.namespace {wanted!r}",
        expected="a mongodump archive or folder, which can hold several collections",
        seen=f"{kind} files",
        remedy="remove data.namespace",
    )
