"""Parses one line of a change export: MongoDB change streams, Kafka envelopes, Debezium, AWS DMS in document mode.

Documents remain Extended JSON as written, so they can be read like any export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bson import ObjectId

from components.exports import extended_json
from components.exports.formats.base import BadDocumentError
from components.exports.keys import identity_text

Order = tuple[int, int]
FIRST: Order = (-1, -1)
"""Order of plain documents, which count as older than every event."""
AFTER: Order = (-2, -2)
"""Order of tombstones, which have no time: each follows the event of its document before it in the files."""
_STATES, _DROPS = {"insert", "replace", "update"}, {"drop", "rename", "dropDatabase"}
_NO_DOCUMENT = frozenset({
    "create", "createIndexes", "dropIndexes", "modify", "shardCollection", "refineCollectionShardKey",
    "reshardCollection", "invalidate", "startIndexBuild", "endOfTransaction",
})  # fmt: skip
"""Operations of change streams that change no document; other words are data and are never told."""
_KAFKA = {"key", "value", "topic", "partition", "offset", "timestamp", "headers"}
_CONNECT = {
    "schema", "payload", "key", "topic", "partition", "offset", "ts", "tstype", "broker", "headers"
}  # fmt: skip
_DEBEZIUM = {"c", "r", "u", "d", "t"}
DELETED, OPERATION = "__deleted", "__op"
"""Fields that Debezium adds where it flattens events to documents."""
_FLAT_TIMES = ("__source_ts_ms", "__source.ts_ms", "__ts_ms")
_FLAT_ORDERS = ("__source_ord", "__source.ord", "__ord")
_FLAT_PLACES = (("__source_db", "__source_collection"), ("__db", "__collection"))
_DMS = {"I": "load", "U": "update", "D": "delete", "insert": "load"}


@dataclass(frozen=True)
class Update:
    """What an update event changes: dotted paths in the document."""

    updated: dict[str, Any]
    removed: list[str]
    truncated: dict[str, int]
    """Path of an array → its new length."""
    exact: dict[str, list[Any]]
    """Path → its parts, for paths with an ambiguous dot or number."""


@dataclass(frozen=True)
class Event:
    """One change of one document."""

    kind: Literal["state", "update", "delete", "drop", "other"]
    key: str = ""
    """Text of the ``_id``, with its kind."""
    order: Order | None = None
    """Time of the change; None where the event has none."""
    namespace: str = ""
    state: dict[str, Any] | None = None
    update: Update | None = None
    name: str = ""
    """Name of an event that changes no document."""


def read_event(line: dict[str, Any]) -> Event:
    """Reads one event; a plain document is the state before all events.

    Raises:
        BadDocumentError: The line is neither, or is incomplete.
    """
    line, key = _unwrapped(line)
    if is_flattened(line):
        return _flattened(line, key)
    if isinstance(line.get("operationType"), str):
        return _change_stream(line)
    if line.get("op") in _DEBEZIUM and line.keys() & {"after", "before", "source"}:
        return _debezium(line, key)
    if "_doc" in line or "Op" in line or {"data", "metadata"} <= line.keys():
        return _dms(line)
    if not line:
        return _tombstone(key)
    return Event("state", _key(line.get("_id")), FIRST, state=line)


def is_flattened(document: dict[str, Any]) -> bool:
    """Returns whether Debezium made the document from an event: it says what happened in fields of its own."""
    return DELETED in document or document.get(OPERATION) in _DEBEZIUM


def _flattened(line: dict[str, Any], key: Any) -> Event:
    place = next((pair for pair in _FLAT_PLACES if pair[1] in line), None)
    namespace = f"{line.get(place[0])}.{line[place[1]]}" if place else ""
    order = _flat_order(line)
    if line.get(OPERATION) == "t":
        return Event("drop", order=order, namespace=namespace, name="truncate")
    identity = line.get("_id")
    if identity is None and key is not None:
        identity = _key_record(key)
    if _is_deletion(line):
        return Event("delete", _key(identity), order, namespace)
    state = {name: value for name, value in line.items() if name not in (DELETED, OPERATION)}
    return Event("state", _key(identity), order, namespace, state=state)


def _is_deletion(line: dict[str, Any]) -> bool:
    said = line.get(DELETED)
    word = said.strip().casefold() if isinstance(said, str) else said
    if word not in (True, False, None, "true", "false", ""):
        raise BadDocumentError(f"{DELETED} is neither true nor false")
    return word in (True, "true") or line.get(OPERATION) == "d"


def _flat_order(line: dict[str, Any]) -> Order | None:
    time = next((found for name in _FLAT_TIMES if (found := _whole(line.get(name))) is not None), None)
    number = next((found for name in _FLAT_ORDERS if (found := _whole(line.get(name))) is not None), 0)
    return None if time is None else (time, number)


def _whole(value: Any) -> int | None:
    """Returns a whole number, written in whatever way; None for anything else."""
    try:
        return int(extended_json.decode_value(value))
    except (extended_json.ExtendedJsonError, TypeError, ValueError, OverflowError):
        return None


def _tombstone(key: Any) -> Event:
    if key is None:
        return Event("other", name="tombstone")
    try:
        return Event("delete", _key(_key_record(key)), AFTER)
    except BadDocumentError as error:
        raise BadDocumentError("tombstone whose key names no document") from error


def _unwrapped(line: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Unwraps an event from Kafka and converter envelopes; returns it and the record's key."""
    key = None
    while True:
        if "value" in line and line.keys() <= _KAFKA:
            line, key = _object(line["value"]), line.get("key")
        elif "payload" in line and line.keys() <= _CONNECT:
            line, key = _object(line["payload"]), line.get("key", key)
        else:
            return line, key


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = extended_json.parse(value.encode())
        except (extended_json.ExtendedJsonError, UnicodeEncodeError) as error:
            raise BadDocumentError("a text inside the event is not JSON") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadDocumentError("the event has no document where one is required")
    return value


def _key(identity: Any) -> str:
    if identity is None:
        raise BadDocumentError("event without a document _id")
    try:
        value = extended_json.decode_value(identity)
    except extended_json.ExtendedJsonError as error:
        raise BadDocumentError(str(error)) from error
    if isinstance(value, str) and len(value) == 24 and all(c in "0123456789abcdef" for c in value):
        value = ObjectId(value)  # DMS writes ObjectIds as plain text
    return identity_text(value)


def _change_stream(line: dict[str, Any]) -> Event:
    kind, space = line["operationType"], line.get("ns") or {}
    namespace = f"{space.get('db')}.{space.get('coll')}" if isinstance(space, dict) else ""
    order = _cluster_time(line.get("clusterTime"))
    if kind in _DROPS:
        return Event("drop", namespace=namespace, name=kind)
    if kind not in _STATES and kind != "delete":
        name = kind if kind in _NO_DOCUMENT else "unknown operation"
        return Event("other", namespace=namespace, name=name)
    whole = line.get("fullDocument")
    identity = (line.get("documentKey") or whole or {}).get("_id")
    return _event(kind, _key(identity), order, namespace, whole, line.get("updateDescription"))


def _event(kind: str, key: str, order: Order | None, namespace: str, whole: Any, description: Any) -> Event:
    if kind == "delete":
        return Event("delete", key, order, namespace)
    if isinstance(whole, dict):
        return Event("state", key, order, namespace, state=whole)
    if kind == "update" and isinstance(description, dict):
        return Event("update", key, order, namespace, update=_update(description))
    raise BadDocumentError(f"{kind} event without its document")


def _update(description: dict[str, Any]) -> Update:
    truncated = description.get("truncatedArrays") or []
    try:
        sizes = {
            t["field"]: int(extended_json.decode_value(t.get("newSize", t.get("size")))) for t in truncated
        }
        exact = {p: list(v) for p, v in (description.get("disambiguatedPaths") or {}).items()}
        removed = [str(path) for path in description.get("removedFields") or []]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadDocumentError("malformed updateDescription") from error
    return Update(_object(description.get("updatedFields")), removed, sizes, exact)


def _cluster_time(value: Any) -> Order | None:
    inner = value.get("$timestamp") if isinstance(value, dict) else None
    if not isinstance(inner, dict) or {type(inner.get("t")), type(inner.get("i"))} != {int}:
        return None
    return inner["t"], inner["i"]


def _debezium(line: dict[str, Any], key: Any) -> Event:
    source = line.get("source") or {}
    namespace = f"{source.get('db')}.{source.get('collection')}"
    time, number = source.get("ts_ms"), source.get("ord", 0)
    order = (time, number) if type(time) is int and type(number) is int else None
    if line["op"] == "t":
        return Event("drop", namespace=namespace, name="truncate")
    whole = _object(line.get("after")) or None
    identity = (whole or {}).get("_id", _object(line.get("before")).get("_id"))
    if identity is None and key is not None:
        identity = _key_record(key)
    kind = {"c": "insert", "r": "insert", "u": "update", "d": "delete"}[line["op"]]
    return _event(kind, _key(identity), order, namespace, whole, line.get("updateDescription"))


def _key_record(key: Any) -> Any:
    """Returns the ``_id`` that a record's key holds, or None.

    Debezium writes ``{"id": "<Extended JSON>"}``, MongoDB's connector the document's key ``{"_id": …}`` or a resume token.
    """
    record = _object(key)
    record = _object(record.get("payload", record))
    if "id" not in record:
        identity = record.get("_id")
        resumes = isinstance(identity, dict) and "_data" in identity
        return None if resumes else identity
    text = record["id"]
    if not isinstance(text, str):
        return text
    try:
        return extended_json.parse(b'{"_id":' + text.encode() + b"}")["_id"]
    except extended_json.ExtendedJsonError as error:
        raise BadDocumentError("malformed key of the event") from error


def _dms(line: dict[str, Any]) -> Event:
    about: dict[str, Any] = line["metadata"] if isinstance(line.get("metadata"), dict) else {}
    row = _object(line["data"]) if "data" in line and about else line
    kind = str(about.get("operation") or line.get("Op") or "load")
    kind = _DMS.get(kind, kind)
    if about.get("record-type") == "control" or kind not in ("load", "update", "delete"):
        control = about.get("record-type") == "control"
        return Event("other", name="DMS control record" if control else "DMS record of an unknown operation")
    whole = _object(row.get("_doc")) or None
    identity = row.get("_id", row.get("oid__id", (whole or {}).get("_id")))
    namespace = f"{about['schema-name']}.{about.get('table-name')}" if "schema-name" in about else ""
    if kind != "delete" and whole is None:
        raise BadDocumentError(f"{kind} event without its document")
    return _event(kind, _key(identity), _moment(about.get("timestamp")), namespace, whole, None)


def _moment(value: Any) -> Order | None:
    try:
        return extended_json.parse_date(value), 0
    except (TypeError, ValueError):
        return None


def apply_update(state: dict[str, Any], update: Update) -> None:
    """Applies an update to a document as the server did.

    Raises:
        BadDocumentError: The update does not fit the document.
    """
    try:
        for path, size in update.truncated.items():
            array = _walk(state, update.exact.get(path) or path.split("."), make=False)
            del _item(*array)[size:]
        for path, value in update.updated.items():
            holder, last = _walk(state, update.exact.get(path) or path.split("."), make=True)
            _put(holder, last, value)
        for path in update.removed:
            holder, last = _walk(state, update.exact.get(path) or path.split("."), make=True)
            holder.pop(str(last), None)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadDocumentError("update that does not fit the document before it") from error


def _walk(state: Any, parts: list[Any], make: bool) -> tuple[Any, Any]:
    holder = state
    for part in parts[:-1]:
        if make and isinstance(holder, dict) and part not in holder:
            holder[part] = {}
        holder = _item(holder, part)
    return holder, parts[-1]


def _item(holder: Any, part: Any) -> Any:
    return holder[int(part)] if isinstance(holder, list) else holder[str(part)]


def _put(holder: Any, part: Any, value: Any) -> None:
    if isinstance(holder, list):
        holder += [None] * (int(part) + 1 - len(holder))
        holder[int(part)] = value
    else:
        holder[str(part)] = value
