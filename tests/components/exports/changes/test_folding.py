"""Change exports: every dialect folds to the final state of the collection, and every event is accounted for."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.exports import extended_json
from components.exports import tally as count
from components.exports.blocks import read_part, recognise_all
from components.exports.changes import folding as changes
from components.exports.formats.base import Block, Part
from components.exports.tally import Tally
from foundation.errors import DataError

Fold = Callable[..., tuple[dict[str, Any], Tally]]


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    """Folds lines (dictionaries or texts), as one file or several; returns documents by the text of their id, and counts."""

    def run(*files: list[Any], namespace: str = "") -> tuple[dict[str, Any], Tally]:
        known = []
        for number, lines in enumerate(files):
            path = tmp_path / f"{number}.jsonl"
            path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
            known.append((path, path.name))
        folder, bad = tmp_path / f"folded-{len(list(tmp_path.iterdir()))}", tmp_path / "bad.jsonl"
        rejected: Counter[str] = Counter()

        def reject(part: Part, block: Block, which: list[tuple[int, str]]) -> None:
            rejected.update(reason for _, reason in which)
            bad.write_bytes(b"\n".join(block.documents[index] for index, _ in which))

        folder.mkdir()
        folded = changes.fold_changes(recognise_all(known, "auto"), folder, namespace, 2**20, reject)
        found = [
            json.loads(raw)
            for path, name, format in folded.known
            for block in read_part(Part(str(path), name, format))
            for raw in block.documents
        ]
        tally = folded.tally
        assert rejected == count.section(tally, "quarantined")
        lost = sum(n for key, n in tally.items() if key[0] in ("quarantined", "filtered"))
        assert tally[count.READ] == lost + tally[count.SUPERSEDED]
        assert tally[count.READ] + len(found) == sum(map(len, files))
        return {json.dumps(d["_id"]): d for d in found}, tally

    return run


def event(kind: str, identity: Any, time: int = 0, whole: Any = None, **update: Any) -> dict[str, Any]:
    """A change stream event."""
    found: dict[str, Any] = {
        "_id": {"_data": "8263"}, "operationType": kind, "ns": {"db": "shop", "coll": "users"},
        "documentKey": {"_id": identity},
    }  # fmt: skip
    if time:
        found["clusterTime"] = {"$timestamp": {"t": time, "i": 1}}
    if whole is not None:
        found["fullDocument"] = whole
    return {**found, "updateDescription": update} if update else found


def test_events_fold_to_the_last_state(fold: Fold) -> None:
    documents, tally = fold([
        event("insert", 1, 1, {"_id": 1, "a": 1, "n": {"x": [1, 2, 3]}}),
        event("insert", 2, 1, {"_id": 2}),
        event("update", 1, 2, updatedFields={"a": 2, "n.y": "z", "n.x.1": {"$numberLong": "9"}}, removedFields=[]),
        event("update", 1, 3, updatedFields={}, removedFields=["n.y"], truncatedArrays=[{"field": "n.x", "newSize": 2}]),
        event("delete", 2, 4),
        event("replace", 3, 5, {"_id": 3, "b": True}),
    ])  # fmt: skip
    assert documents == {
        "1": {"_id": 1, "a": 2, "n": {"x": [1, {"$numberLong": "9"}]}},
        "3": {"_id": 3, "b": True},
    }
    assert tally[count.SUPERSEDED] == 3
    assert count.section(tally, "filtered") == {"deleted": 1}


def test_the_time_of_an_event_outweighs_the_order_of_files(fold: Fold) -> None:
    newer = [event("update", 1, 9, {"_id": 1, "v": "new"})]
    older = [event("insert", 1, 2, {"_id": 1, "v": "old"}), {"_id": 1, "v": "snapshot"}]
    assert fold(newer, older)[0] == {"1": {"_id": 1, "v": "new"}}


def test_without_times_the_order_of_files_counts(fold: Fold) -> None:
    first = [event("update", 1, 0, {"_id": 1, "v": "new"}), {"_id": 1, "v": "snapshot"}]
    assert fold([event("insert", 1, 0, {"_id": 1, "v": "old"})], first)[0] == {"1": {"_id": 1, "v": "new"}}


def test_an_update_without_its_document_is_bad_unless_it_does_not_matter(fold: Fold, tmp_path: Path) -> None:
    lone = event("update", 2, 1, updatedFields={"a": 1})
    documents, tally = fold(
        [event("update", 1, 1, updatedFields={"a": 1}), event("replace", 1, 2, {"_id": 1}), lone]
    )
    assert documents == {"1": {"_id": 1}}
    assert count.section(tally, "quarantined") == {"update without the document before it": 1}
    assert json.loads((tmp_path / "bad.jsonl").read_text()) == lone


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "not JSON"),
        (
            {"operationType": "insert", "ns": {}, "documentKey": {"_id": 7}},
            "insert event without its document",
        ),
        ({"operationType": "delete"}, "event without a document _id"),
        ({"payload": "{x"}, "a text inside the event is not JSON"),
        ({"a": 1}, "event without a document _id"),
    ],
)
def test_a_line_that_is_not_an_event_is_bad(fold: Fold, line: Any, reason: str) -> None:
    documents, tally = fold([event("insert", 1, 1, {"_id": 1}), line])
    assert list(documents) == ["1"]
    assert count.section(tally, "quarantined") == {reason: 1}


def test_debezium_with_its_envelope_and_keys(fold: Fold) -> None:
    def record(op: str, identity: int, time: int, after: Any = None, **more: Any) -> dict[str, Any]:
        source = {"ts_ms": time, "ord": 1, "db": "shop", "collection": "users"}
        value = {"after": json.dumps(after) if after else None, "source": source, "op": op, **more}
        return {
            "key": json.dumps({"id": json.dumps({"$oid": f"{identity:024x}"})}),
            "value": json.dumps({"schema": {}, "payload": value}),
        }

    one, two = ({"$oid": f"{i:024x}"} for i in (1, 2))
    update = {"updatedFields": json.dumps({"a": 2}), "removedFields": ["b"], "truncatedArrays": None}
    documents, tally = fold([
        record("r", 1, 1, {"_id": one, "a": 1, "b": 1}), record("c", 2, 2, {"_id": two}),
        record("u", 1, 3, None, updateDescription=update), record("d", 2, 4), {"value": None},
    ])  # fmt: skip
    assert documents == {json.dumps(one): {"_id": one, "a": 2}}
    assert count.section(tally, "filtered") == {"deleted": 1, "event without a document: tombstone": 1}


def test_dms_in_document_mode_as_json(fold: Fold) -> None:
    oid = f"{5:024x}"

    def row(kind: str, time: str, **data: Any) -> dict[str, Any]:
        about = {
            "operation": kind,
            "timestamp": time,
            "record-type": "data",
            "schema-name": "shop",
            "table-name": "users",
        }
        return {"data": {"_id": oid, **data}, "metadata": about}

    whole = [json.dumps({"_id": {"$oid": oid}, "v": v}) for v in range(2)]
    load = row("load", "2024-01-01T00:00:00.1Z", _doc=whole[0])
    update = row("update", "2024-01-01T00:00:01.2Z", _doc=whole[1])
    assert fold([update, load])[0] == {json.dumps({"$oid": oid}): {"_id": {"$oid": oid}, "v": 1}}
    with pytest.raises(DataError, match="none left of 3 events"):
        fold([load, update, row("delete", "2024-01-01T00:00:02Z")])


def test_dms_in_document_mode_as_csv(tmp_path: Path) -> None:
    rows = 'Op,_id,_doc\nI,5,"{""_id"": 5, ""v"": {""$numberLong"": ""1""}}"\nI,6,"{""_id"": 6}"\nD,6,\n'
    (tmp_path / "e").write_text(rows)
    (tmp_path / "f").mkdir()
    known = recognise_all([(tmp_path / "e", "e")], "auto")
    folded = changes.fold_changes(known, tmp_path / "f", "", 2**20, lambda *_: None)
    (line,) = folded.known[0][0].read_bytes().splitlines()
    assert extended_json.loads(line) == {"_id": 5, "v": 1}


def test_collections_are_not_mixed(fold: Fold) -> None:
    other = {**event("insert", 2, 1, {"_id": 2}), "ns": {"db": "shop", "coll": "orders"}}
    mine = event("insert", 1, 1, {"_id": 1})
    with pytest.raises(DataError, match=r"seen: shop\.orders, shop\.users; remedy: set data\.namespace"):
        fold([mine, other])
    documents, tally = fold([mine, other], namespace="shop.users")
    assert list(documents) == ["1"]
    assert count.section(tally, "filtered") == {"event of another collection": 1}


def test_a_dropped_collection_stops(fold: Fold) -> None:
    with pytest.raises(DataError, match=r"seen: drop of shop\.users"):
        fold([event("insert", 1, 1, {"_id": 1}), event("drop", None)])


def test_numbers_are_one_key_and_texts_another(fold: Fold) -> None:
    lines = [
        event("insert", i, t, {"_id": i, "t": t})
        for t, i in enumerate([1, 1.0, {"$numberLong": "1"}, {"$numberDecimal": "1.00"}, "1", "1.00"], 1)
    ]
    documents, tally = fold(lines)
    assert sorted(d["t"] for d in documents.values()) == [4, 5, 6]
    assert tally[count.SUPERSEDED] == 3


def test_folding_through_small_files_gives_what_a_dictionary_gives(
    fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_LEVEL", 3)
    monkeypatch.setattr(changes._Fold, "fold", _with_bound(2000))
    rng, expected, events = random.Random(3), {}, []
    for time in range(1, 3000):
        i = rng.randrange(300)
        if i in expected and rng.random() < 0.2:
            del expected[i]
            events.append(event("delete", i, time))
        else:
            expected[i] = {"_id": i, "t": time}
            events.append(event("insert", i, time, expected[i]))
    rng.shuffle(events)
    documents, _ = fold(events[:1500], events[1500:])
    assert sorted(documents.values(), key=lambda d: d["_id"]) == [expected[i] for i in sorted(expected)]


def _with_bound(size: int) -> Callable[[Any], None]:
    original = changes._Fold.fold

    def fold(self: Any) -> None:
        self._bound = size
        original(self)

    return fold


CASE = Path(__file__).parents[3] / "cases/exports/debezium_flattened.json"


def flat(identity: Any, deleted: Any = "false", time: int | None = None, **more: Any) -> dict[str, Any]:
    """A change as Debezium flattens it."""
    found = {"_id": identity, "v": 1, "__deleted": deleted, **more}
    return {name: value for name, value in found.items() if value is not None} | (
        {} if time is None else {"__ts_ms": time}
    )


def test_a_deleted_document_of_the_real_case_is_gone(fold: Fold) -> None:
    lines = [json.loads(line) for line in CASE.read_text().splitlines()]
    gone = {str(line["_id"]) for line in lines if line["__deleted"] == "true"}
    documents, tally = fold(lines)
    assert gone and not gone & set(documents) and len(documents) == 29
    assert not any({"__deleted", "__op"} & set(document) for document in documents.values())
    assert count.section(tally, "filtered") == {"deleted": 1}


@pytest.mark.parametrize(
    "deletion",
    [
        pytest.param(flat(1, "true"), id="text"),
        pytest.param(flat(1, True), id="bool"),
        pytest.param(flat(1, "TRUE"), id="in capitals"),
        pytest.param(flat(1, None, __op="d"), id="the operation alone"),
        pytest.param(flat(1, "false", __op="d"), id="the operation, against the mark"),
        pytest.param({"key": {"id": "1"}, "value": {"__deleted": True}}, id="id in the key"),
        pytest.param({"key": {"id": "1"}, "value": None}, id="tombstone"),
        pytest.param({"key": '{"payload":{"id":"1"}}', "value": None}, id="tombstone with a wrapped key"),
        pytest.param({"key": {"_id": 1}, "value": None}, id="tombstone of MongoDB's connector"),
        pytest.param({"topic": "t", "ts": 9, "key": {"id": "1"}, "payload": None}, id="tombstone of kcat"),
        pytest.param({"payload": flat(1, True), "schema": {}}, id="in an envelope"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("time", [None, 5])
def test_a_deletion_is_one_however_it_is_written(fold: Fold, deletion: Any, time: int | None) -> None:
    documents, tally = fold([flat(1, "false", time), flat(2, "false", time), deletion])
    assert list(documents) == ["2"]
    assert count.section(tally, "filtered") == {"deleted": 1} and tally[count.SUPERSEDED] == 1


@pytest.mark.parametrize("reborn", [flat(1, "false", 9), flat(1, False, 9, __op="c")], ids=["text", "bool"])
def test_a_document_can_come_back_after_its_deletion(fold: Fold, reborn: Any) -> None:
    tombstone = {"key": {"id": "1"}, "value": None}
    documents, tally = fold([flat(1, "true", 5), tombstone, reborn], [flat(1, "false", 3)])
    assert list(documents) == ["1"] and tally[count.SUPERSEDED] == 3


def test_a_tombstone_follows_the_event_before_it_whatever_the_files_order(fold: Fold) -> None:
    newer = [flat(1, "true", 9), {"key": {"id": "1"}, "value": None}]
    assert list(fold(newer, [flat(1, "false", 2), flat(2, "false", 1)])[0]) == ["2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (flat(1, "perhaps"), "__deleted is neither true nor false"),
        ({"__deleted": True}, "event without a document _id"),
        ({"key": "k", "value": None}, "tombstone whose key names no document"),
        ({"key": {"_id": {"_data": "8263"}}, "value": None}, "tombstone whose key names no document"),
    ],
)
def test_what_may_be_a_deletion_is_not_passed_over(fold: Fold, line: Any, reason: str) -> None:
    documents, tally = fold([flat(2), line])
    assert list(documents) == ["2"] and count.section(tally, "quarantined") == {reason: 1}


@pytest.mark.parametrize("names", [("__source_ts_ms", "__source_ord"), ("__ts_ms", "__ord")])
def test_flattened_events_are_ordered_by_their_times(fold: Fold, names: tuple[str, str]) -> None:
    events = [
        {"_id": 1, "v": v, "__op": "u", names[0]: {"$numberLong": str(time)}, names[1]: number}
        for v, time, number in (("last", 5, 2), ("older", 5, 1), ("oldest", 4, 9))
    ]
    assert fold(events)[0]["1"]["v"] == "last"


def test_collections_of_flattened_events_are_not_mixed(fold: Fold) -> None:
    lines = [flat(n, __db="shop", __collection=name) for n, name in enumerate(("users", "orders"))]
    with pytest.raises(DataError, match=r"shop\.orders, shop\.users"):
        fold(lines)
    assert list(fold(lines, namespace="shop.orders")[0]) == ["1"]


def test_flattened_rows_of_csv_stay_rows_of_csv(tmp_path: Path) -> None:
    rows = 'a.b,_id,n,__deleted,__op\n"x, y",1,1.50,false,c\n"007",2,,False,c\n"q""",1,2.50,false,u\nz,3,1,false,c\nz,3,1,TRUE,d\n'
    (tmp_path / "e.csv").write_text(rows)
    (tmp_path / "f").mkdir()
    known = recognise_all([(tmp_path / "e.csv", "e.csv")], "auto")
    folded = changes.fold_changes(known, tmp_path / "f", "", 2**20, lambda *_: None)
    ((path, _, format),) = folded.known
    header, *lines = path.read_text().splitlines()
    assert (format.kind, header, sorted(lines)) == ("csv", "a.b,_id,n", ['"q""",1,2.50', "007,2,"])
    assert count.section(folded.tally, "filtered") == {"deleted": 1}


def test_values_are_no_names_of_events(fold: Fold) -> None:
    lines = [
        {"operationType": "ada@example.org", "documentKey": {"_id": 3}},
        {"data": {}, "metadata": {"operation": "ada@example.org"}},
        {"data": {}, "metadata": {"record-type": "control", "operation": "ada@example.org"}},
    ]
    _, tally = fold([event("insert", 1, 1, {"_id": 1}), *lines])
    assert sum(count.section(tally, "filtered").values()) == 3 and "ada" not in str(tally)
