"""The value columns of an experiment, kept in an empty Parquet file that readers of the whole folder meet first.

pandas and ``pyarrow.dataset`` take the columns of a folder from its first file. Without this file they would overlook
inputs that came later, and refuse numbers with a point where the first one had none.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from serving.experiments.log.kinds import Kind, from_arrow
from serving.experiments.log.schema import is_value, whole_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER: Final = "date=1970-01-01"
"""A date like that of the other folders, and before all of them."""
_FILE: Final = "columns.parquet"
_NEWEST_FILES: Final = 8
"""Files whose columns are read where the file is missing."""


def known(folder: Path) -> dict[str, Kind]:
    """Returns the value columns of an experiment, so that their types last longer than a process.

    Args:
        folder: The experiment's.
    """
    kinds: dict[str, Kind] = {}
    first = folder / FOLDER / _FILE
    newest = [] if first.exists() else sorted(folder.glob("date=*/*.parquet"), key=lambda path: path.name)
    for path in [first, *newest[-_NEWEST_FILES:]]:
        _join(kinds, path)
    return kinds


def keep(folder: Path, kinds: Mapping[str, Kind]) -> None:
    """Writes the columns, with what other processes have found of them.

    Raises:
        OSError: The file cannot be written.
    """
    import pyarrow.parquet as pq

    whole = dict(kinds)
    path = folder / FOLDER / _FILE
    _join(whole, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{_FILE}.{os.getpid()}.part")
    try:
        pq.write_table(whole_schema(whole).empty_table(), temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _join(kinds: dict[str, Kind], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.suppress(OSError, pa.ArrowException):
        for field in pq.read_schema(path):
            if is_value(field.name):
                kinds[field.name] = from_arrow(field.type).joined(kinds.get(field.name, Kind()))
