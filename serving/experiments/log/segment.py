"""The log of one experiment: the types of its columns, and the stream that is open now."""

from __future__ import annotations

import contextlib
import datetime
import time
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.log.columns import keep, known
from serving.experiments.log.compact import DAY_FOLDER
from serving.experiments.log.kinds import NULL, Kind, fitted, kind_of
from serving.experiments.log.schema import fixed_schema, is_value, whole_schema
from serving.experiments.log.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from serving.experiments.log.config import RotationConfig

MOST_COLUMNS: Final = 500
"""Inputs and outputs of an experiment that get a column; a client may send any number of names."""


class Segment:
    """Appends columns to the open stream of an experiment; opens and hands over streams as they become old or too narrow.

    Args:
        folder: The experiment's folder.
        rotation: When a stream is handed over.
        finish: Takes over a stream that nothing is appended to any more.
    """

    def __init__(self, folder: Path, rotation: RotationConfig, finish: Callable[[Stream], None]) -> None:
        self._folder, self._rotation, self._finish = folder, rotation, finish
        self._kinds: dict[str, Kind] | None = None
        self._schema: Any = None
        self._stream: Stream | None = None
        self._day = ""
        self._unkept = False
        self.left_out: set[str] = set()
        """Value columns beyond the most."""

    def write(self, columns: Mapping[str, list[Any]]) -> None:
        """Appends rows.

        Raises:
            OSError: They could not be written; a later call may succeed.
        """
        import pyarrow as pa

        columns = self._widened(columns)
        assert self._kinds is not None
        count = len(columns["request_id"])
        fixed = fixed_schema()
        arrays = [pa.array(columns[name], fixed.field(name).type) for name in fixed.names]
        for index, (name, kind) in enumerate(self._kinds.items(), len(fixed)):
            values, column = columns.get(name), self._schema.field(index).type
            arrays.append(
                pa.nulls(count, column) if values is None else pa.array(fitted(values, kind), column)
            )
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        stream = self._open()
        try:
            stream.write(batch)
        except OSError:
            # Another file may have the space that this one lacks: a limit of its size, a full quota.
            self.close()
            raise
        if stream.bytes >= self._rotation.megabytes * (1 << 20):
            self.close()

    def close_if_old(self) -> None:
        """Hands the stream over if its time is up or its day is over."""
        if self._stream is not None and (
            time.monotonic() - self._stream.began >= self._rotation.minutes * 60 or self._day != _today()
        ):
            self.close()

    def close(self) -> None:
        """Hands the open stream over."""
        stream, self._stream = self._stream, None
        if stream is not None:
            if stream.rows:
                self._finish(stream)
            else:
                stream.discard()

    def _open(self) -> Stream:
        if self._stream is None:
            self._day = _today()
            self._stream = Stream(self._folder / f"{DAY_FOLDER}{self._day}", self._schema)
        return self._stream

    def _widened(self, columns: Mapping[str, list[Any]]) -> Mapping[str, list[Any]]:
        """Makes the columns hold these values, and returns them; the open stream ends if it cannot.

        What a backend refused does not make a column wider: a client that sends nonsense once would spoil it for good.
        Values of such requests that do not fit are left out.
        """
        if self._kinds is None:
            self._kinds = known(self._folder)
            self._schema = whole_schema(self._kinds)
        codes = columns["code"]
        if not any(codes):
            self._widen({name: values for name, values in columns.items() if is_value(name)})
            return columns
        good = [place for place, code in enumerate(codes) if not code]
        self._widen({name: [values[i] for i in good] for name, values in columns.items() if is_value(name)})
        return {
            name: self._fitting(name, values, codes) if is_value(name) else values
            for name, values in columns.items()
        }

    def _fitting(self, name: str, values: list[Any], codes: list[int]) -> list[Any]:
        kind = (self._kinds or {}).get(name, Kind())
        return [
            None if code and kind_of([value]).joined(kind) != kind else value
            for value, code in zip(values, codes, strict=True)
        ]

    def _widen(self, columns: Mapping[str, list[Any]]) -> None:
        assert self._kinds is not None
        changed: dict[str, Kind] = {}
        for name, values in columns.items():
            before = self._kinds.get(name)
            kind = kind_of(values).joined(before or Kind())
            if kind == before or kind.base == NULL:
                continue
            if before is None and len(self._kinds) + len(changed) >= MOST_COLUMNS:
                if len(self.left_out) < MOST_COLUMNS:
                    self.left_out.add(name)
                continue
            changed[name] = kind
        if changed:
            self.close()
            self._kinds.update(changed)
            self._schema = whole_schema(self._kinds)
            self._unkept = True
        if self._unkept:
            with contextlib.suppress(OSError):  # a full disk: the next call tries again
                keep(self._folder, self._kinds)
                self._unkept = False


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
