"""One transaction on the state, whatever database it is in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

AT_A_TIME: Final = 400
"""How many values one statement lists."""

Row = tuple[Any, ...]


class Session(ABC):
    """A transaction. Statements have question marks where values go."""

    BY_KEY = ""
    """What a statement says after ``penstock_units`` to look keys up, where the database would read all units instead."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Runs a statement and returns its rows; none if it returns none."""

    @abstractmethod
    def changed(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement and returns how many rows it changed."""

    @abstractmethod
    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Row], otherwise: str) -> int:
        """Inserts rows, and returns how many were inserted or changed.

        Args:
            table: The table.
            columns: Column → its type.
            rows: Values in the order of the columns; each key at most once.
            otherwise: What follows ``ON CONFLICT``.
        """

    def insert_new(self, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> int:
        """Inserts the rows whose keys are not there yet, and returns how many those were."""
        return self.insert(table, columns, rows, "DO NOTHING")

    def listed(self, sql: str, values: Sequence[Any], wanted: Sequence[Any]) -> Iterator[Row]:
        """Yields the rows of a statement whose last condition ends with ``IN (...)``.

        Args:
            sql: The statement up to the ``IN``.
            values: Values of the question marks before it.
            wanted: What is listed, in several statements if there are many.
        """
        for start in range(0, len(wanted), AT_A_TIME):
            some = wanted[start : start + AT_A_TIME]
            marks = ",".join("?" * len(some))
            yield from self.rows(f"{sql} IN ({marks})", [*values, *some])

    def units(self, columns: str, experiment: int, keys: Sequence[str]) -> Iterator[Row]:
        """Yields columns of the units with some keys.

        Args:
            columns: Names of columns, with commas.
            experiment: The experiment's number.
            keys: The units' keys.
        """
        sql = f"SELECT {columns} FROM penstock_units {self.BY_KEY} WHERE experiment = ? AND key"
        yield from self.listed(sql, (experiment,), keys)

    def removed(self, where: str, values: Sequence[Any], wanted: Sequence[Any]) -> int:
        """Deletes the rows of a condition that ends with ``IN (...)``; returns how many there were."""
        gone = 0
        for start in range(0, len(wanted), AT_A_TIME):
            some = wanted[start : start + AT_A_TIME]
            marks = ",".join("?" * len(some))
            gone += self.changed(f"DELETE FROM {where} IN ({marks})", [*values, *some])
        return gone

    def count(self, experiment: str, counted: Counter[str]) -> None:
        """Adds to an experiment's counters."""
        for name, more in counted.items():
            if more:
                self.changed(
                    "INSERT INTO penstock_counters (experiment, name, value) VALUES (?, ?, ?) "
                    "ON CONFLICT (experiment, name) DO UPDATE SET value = penstock_counters.value + excluded.value",
                    (experiment, name, more),
                )
