"""Splits an export into work items that can be read independently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO, cast

from components.exports.dumps.folder import one_collection
from components.exports.formats import FORMATS
from components.exports.formats.base import ITEM_BYTES, Block, Known, Part
from components.exports.recognition import recognise
from components.exports.streams import open_stream
from components.exports.witness import Witness
from foundation.errors import DataError
from foundation.storage import Location, locate


@dataclass(frozen=True)
class WorkItem:
    """What one worker reads and writes as one set of shards, in the order of the indexes."""

    index: int
    parts: tuple[Part, ...]


def recognise_all(
    files: list[tuple[Location, str]], declared: str, namespace: str = "", may_be_empty: bool = False
) -> Known:
    """Recognises every file of an export, skipping empty ones.

    Args:
        files: Absolute path and name in reports.
        declared: The document's ``data.format``.
        namespace: The document's ``data.namespace``.
        may_be_empty: Whether there may be no content; then nothing is returned.

    Raises:
        DataError: The files are of several formats or collections, or none has content.
    """
    known = [(path, name, found) for path, name in files if (found := recognise(path, declared))]
    if not known and may_be_empty:
        return []
    if not known:
        raise DataError(
            f"export {files[0][1]}",
            expected="documents",
            seen="no content in any file",
            remedy="export the collection again and check that its query matches documents",
        )
    kinds = {found.kind: name for _, name, found in known}
    if len(kinds) > 1:
        seen = ", ".join(f"{kind} ({name})" for kind, name in sorted(kinds.items()))
        raise DataError(
            "export",
            expected="files of one format",
            seen=seen,
            remedy="name the files of one export by a glob",
        )
    choose = FORMATS[known[0][2].kind].choose or one_collection
    return choose(known, namespace)


def plan_items(known: Known) -> list[WorkItem]:
    """Cuts recognised files into items of about 32 MiB of documents, in the order of the files."""
    items: list[WorkItem] = []
    group: list[Part] = []
    weight = 0
    for path, name, found in known:
        for part, size in FORMATS[found.kind].cut(path, name, found):
            if group and weight + size > ITEM_BYTES:
                items.append(WorkItem(len(items), tuple(group)))
                group, weight = [], 0
            group.append(part)
            weight += size
    return [*items, WorkItem(len(items), tuple(group))]


def whole_files(items: list[WorkItem]) -> list[WorkItem]:
    """Returns the items with each file that is read in stripes read as one, so that its documents keep their order."""
    kept = [[replace(part, stripes=1) for part in item.parts if part.stripe == 0] for item in items]
    return [WorkItem(index, tuple(parts)) for index, parts in enumerate(filter(None, kept))]


def read_part(part: Part) -> Iterator[Block]:
    """Yields the blocks of a part in order; memory holds one block or the largest document.

    Raises:
        DataError: The file is truncated, or too damaged to continue.
    """
    path, form = locate(part.path), FORMATS[part.format.kind]
    with open_stream(path, part.format.compression) as stream:
        # A stripe scans the whole file too: one look at all of its bytes is enough.
        witness = Witness(stream, form.between) if form.between is not None and part.stripe == 0 else None
        for number, block in enumerate(form.blocks(cast("IO[bytes]", witness or stream), path, part)):
            if witness:
                witness.saw(block)
            if (
                form.encoding == "table" or number % part.stripes == part.stripe
            ):  # tables are split by row group instead
                yield block
        if witness:
            witness.check(part)


def check_bad(part: Part, block: Block, bad: Iterable[int]) -> None:
    """Checks that bad documents of a block are one document each.

    Raises:
        DataError: One of them shows that the file cannot be trusted.
    """
    if check := FORMATS[part.format.kind].check_bad:
        for index in bad:
            check(part, block, index)
