"""What else than documents of an application a dump holds: time series, views, the oplog, MongoDB's own collections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from foundation.errors import DataError, near_miss

TIME_SERIES = "a time series, whose dump holds buckets of many measurements"
VIEW = "a view, of which a dump holds no documents"
OPLOG = "the oplog, which holds changes of all collections"
INTERNAL = "a collection of MongoDB's own"
BUCKETS = "system.buckets."
_INTERNAL_DATABASES = ("admin", "config", "local")
_OPLOG_OPERATIONS = frozenset("iudcn")


class Namespace(NamedTuple):
    """A collection in a dump."""

    name: str
    """``database.collection``; empty if it is not known."""
    what: str = ""
    """What it is; empty for a collection of documents."""

    @property
    def readable(self) -> bool:
        """Whether its documents can be read if it is asked for by its name."""
        return self.what in ("", INTERNAL)

    def __str__(self) -> str:
        """Returns the name, with what it is unless it is a collection of documents."""
        return f"{self.name} ({self.what})" if self.what else self.name


def namespace_of(database: str, collection: str, kind: str = "") -> Namespace:
    """Returns a collection of a dump.

    Args:
        database: Its database; empty for the oplog.
        collection: Its name.
        kind: Its ``type`` in the metadata.
    """
    if not database and collection == "oplog":
        return Namespace("oplog", OPLOG)
    if collection.startswith(BUCKETS):
        return Namespace(f"{database}.{collection.removeprefix(BUCKETS)}", TIME_SERIES)
    what = {"view": VIEW, "timeseries": TIME_SERIES}.get(kind, "")
    if not what and (database in _INTERNAL_DATABASES or collection.startswith("system.")):
        what = INTERNAL
    return Namespace(f"{database}.{collection}", what)


def what_it_holds(document: Mapping[str, Any]) -> str:
    """Returns what a dump file with this first document holds; empty for documents."""
    keys = document.keys()
    if {"ts", "op", "ns", "o"} <= keys and document["op"] in _OPLOG_OPERATIONS:
        return OPLOG
    control = document.get("control")
    if {"_id", "control", "data"} == keys - {"meta"} and isinstance(control, Mapping):
        return TIME_SERIES if {"version", "min", "max"} <= control.keys() else ""
    return ""


def chosen(subject: str, there: Iterable[Namespace], wanted: str, expected: str) -> str:
    """Returns the name of the collection to read; empty if no name is known.

    Args:
        subject: The dump, for messages.
        there: Its collections.
        wanted: ``data.namespace``, or empty.
        expected: What is right without a name.

    Raises:
        DataError: There are several collections of documents or none, or the named one is not there or holds none.
    """
    known = list(dict.fromkeys(there))
    named = [one for one in known if one.name == wanted]
    if wanted and any(one.readable for one in named):
        return wanted
    ordinary = [one for one in known if not one.what]
    if not wanted and len(ordinary) == 1:
        return ordinary[0].name
    shown = ", ".join(map(str, named or (ordinary or known)))
    raise DataError(
        subject,
        expected=f"collection {wanted!r} with its documents" if wanted else expected,
        seen=shown or "no collection",
        remedy=_remedy(wanted, known, named, ordinary),
    )


def _remedy(wanted: str, known: list[Namespace], named: list[Namespace], ordinary: list[Namespace]) -> str:
    series = next((one for one in named or ([] if ordinary else known) if one.what == TIME_SERIES), None)
    if series:
        database, _, collection = series.name.partition(".")
        return f"export its measurements: penstock export {database} {collection}, or mongoexport"
    if any(one.what == OPLOG for one in known) and not ordinary:
        return "name the folder of one database in the dump, such as dump/shop"
    if wanted and not named:
        near = near_miss(wanted, [one.name for one in known])
        return near or "set data.namespace to database.collection"
    return (
        "set data.namespace to database.collection"
        if ordinary
        else "dump or export a collection of documents"
    )
