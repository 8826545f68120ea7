"""Whether a node may work through splits in its own process, or should hand them to Beam."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from components.mongo_example_gen.result import Ingestion
from foundation.tfrecord import read_gz, read_records

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact

log = logging.getLogger(__name__)

ROWS = 1_000_000
"""Up to so many rows a node's own process is quicker than Beam, and holds what it has to keep of them."""
BYTES = 256 * 1024**2
"""Up to so many stored (compressed) bytes, whatever number of rows they are."""
BATCH = 4096
"""Rows that are worked on at once."""
_LOCAL = {"FnApiRunner", "DirectRunner"}
_FORMAT = "payload_format"


def fits(
    examples: Sequence[Artifact],
    splits: Sequence[str],
    beam_args: Sequence[str],
    rows_limit: int = ROWS,
    bytes_limit: int = BYTES,
) -> bool:
    """Returns whether splits may be worked through in the node's own process; which way is taken is logged.

    Args:
        examples: Artifacts of type Examples.
        splits: Names of the splits.
        beam_args: The node's arguments for Beam; another runner than a local one is asked for on purpose.
        rows_limit: How many rows may be in the splits together.
        bytes_limit: How many bytes their files may have together.
    """
    reason = _why_beam(examples, splits, beam_args, rows_limit, bytes_limit)
    where = f"on Beam: {reason}" if reason else "in this process"
    log.info("%s: worked through %s", ", ".join(splits), where)
    return not reason


def files_of(examples: Sequence[Artifact], split: str) -> list[Path]:
    """Returns the files of a split, in order."""
    return [file for one in examples for file in sorted(_files(Path(one.uri) / f"Split-{split}"))]


def rows_of(examples: Sequence[Artifact], splits: Sequence[str]) -> int:
    """Returns how many rows ingestion counted in splits; 0 where another component made the examples and no one counted."""
    counted = filter(None, (Ingestion.find(Path(one.uri)) for one in examples))
    return sum(one.splits.get(split, 0) for one in counted for split in splits)


def batches(files: Iterable[Path], size: int = BATCH) -> Iterator[list[bytes]]:
    """Yields the serialized Examples of TFRecord files, in order.

    Raises:
        DataError: A file is damaged.
    """
    rows = (row for file in files for row in _records(file))
    while batch := list(islice(rows, size)):
        yield batch


def _records(file: Path) -> Iterator[bytes]:
    if file.suffix == ".gz":
        yield from read_gz(file)
        return
    with file.open("rb") as opened:
        yield from read_records(opened)


def _why_beam(
    examples: Sequence[Artifact],
    splits: Sequence[str],
    beam_args: Sequence[str],
    rows_limit: int,
    bytes_limit: int,
) -> str:
    """Returns why Beam should do it; empty if the node's own process may."""
    runner = next((one.partition("=")[2] for one in beam_args if one.startswith("--runner=")), "DirectRunner")
    if runner not in _LOCAL:
        return f"the document asks for {runner}"
    kinds = {one.get_string_custom_property(_FORMAT) or "FORMAT_TF_EXAMPLE" for one in examples}
    if kinds != {"FORMAT_TF_EXAMPLE"}:
        return f"rows are of {', '.join(sorted(kinds))}"
    folders = [Path(one.uri) / f"Split-{split}" for one in examples for split in splits]
    if any("://" in one.uri for one in examples) or not all(folder.is_dir() for folder in folders):
        return "they are not in local folders of their own"
    rows = rows_of(examples, splits)
    if rows > rows_limit:
        return f"{rows:,} rows are more than {rows_limit:,}"
    size = sum(file.stat().st_size for folder in folders for file in _files(folder))
    return f"{size:,} bytes are more than {bytes_limit:,}" if size > bytes_limit else ""


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if file.is_file())
