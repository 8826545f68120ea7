"""Profiles of exports, drift between two of them, and that no values are shown."""

from __future__ import annotations

import datetime
import json
import random
import re
import string
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import DataError
from pipeline.cli.main import main
from pipeline.look import differences, look
from pipeline.look.mask import masked
from pipeline.look.sketch import KEPT, Distinct
from pipeline.look.tree import Tree


def write(path: Path, documents: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
    return str(path)


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "_id": {"$oid": f"{i:024x}"},
            "mail": f"canary{i}@example.org",
            "age": i % 50 if i % 10 else str(i % 50),
            "plan": None if i % 4 == 0 else "CANARYPLAN",
            "at": {"$date": f"2026-01-{1 + i % 28:02d}T10:00:00.5Z"},
            "lessons": [{"score": i % 7}, {"score": None}] if i % 2 else [],
            "ratings": {f"{i:024x}": 1},
            **more,
        }
        for i in range(count)
    ]


def test_paths_types_and_rates(tmp_path: Path) -> None:
    seen = look(write(tmp_path / "a.jsonl", people(400)))
    paths = {path.path: path for path in seen.paths}
    assert list(paths) == ["_id", "mail", "age", "plan", "at", "lessons.score", "ratings"]
    assert paths["age"].kinds == {"int": 0.9, "string": 0.1}
    assert (paths["age"].type, paths["age"].distinct) == ("int", 50)
    assert (paths["plan"].null, paths["plan"].missing, paths["plan"].present) == (0.25, 0.0, 0.75)
    assert paths["at"].time_range == ("2026-01-01", "2026-01-28")
    scores = paths["lessons.score"]
    assert (scores.is_array, scores.missing, scores.kinds) == (True, 0.5, {"int": 0.5, "null": 0.5})
    assert paths["mail"].personal == ("e-mail",)
    assert seen.left_out == ("ratings",)
    assert (seen.everything, seen.documents, seen.about) == (True, 400, 400)


def test_all_formats_give_the_same_profile(tmp_path: Path) -> None:
    at = datetime.datetime(2026, 2, 3, tzinfo=datetime.UTC)
    documents = [{"_id": bson.ObjectId(), "n": i, "x": i / 3, "at": at, "t": ["a", "b"]} for i in range(50)]
    (tmp_path / "a.bson").write_bytes(b"".join(map(bson.encode, documents)))
    for name, options in (
        ("b", json_util.RELAXED_JSON_OPTIONS),
        ("c", json_util.CANONICAL_JSON_OPTIONS),
    ):
        lines = [json_util.dumps(document, json_options=options) for document in documents]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    looks = [look(str(tmp_path / name)) for name in ("a.bson", "b.jsonl", "c.jsonl")]
    shown = [[(p.path, p.type, p.kinds, p.distinct, p.time_range) for p in seen.paths] for seen in looks]
    assert shown[0] == shown[1] == shown[2]
    assert [path[1] for path in shown[0]] == ["string", "int", "float", "date", "string"]


def test_a_sample_is_reported_as_one(tmp_path: Path) -> None:
    export = write(tmp_path / "a.jsonl", people(3000))
    sampled, whole = look(export, 500), look(export, None)
    assert (sampled.documents, sampled.everything, whole.documents) == (500, False, 3000)
    assert sampled.about == pytest.approx(3000, rel=0.1)


def test_several_processes_give_the_same_counts(tmp_path: Path) -> None:
    odd = [{"wide": {f"k{i}": 1}, "n": i / 2} for i in range(150)]
    for number, documents in enumerate((people(700), odd[:75], odd[75:], people(60, extra="x"))):
        write(tmp_path / f"{number}.jsonl", documents)
    together, alone = look(str(tmp_path), None), look(str(tmp_path), 10_000)
    assert together.paths == alone.paths
    assert set(together.left_out) == set(alone.left_out) == {"ratings", "wide"}
    assert (together.documents, together.sizes) == (alone.documents, alone.sizes)


def test_documents_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{broken\n{"a": {"$oid": "xyz"}}\n', encoding="utf-8")
    seen = look(str(path))
    assert (seen.documents, seen.bad) == (2, 1)
    assert seen.paths[0].kinds == {"int": 0.5, "malformed": 0.5}


def test_no_value_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = write(tmp_path / "a.jsonl", people(200, won=True))
    for more in ([], ["--json"], ["--examples"], ["--examples", "--json"]):
        assert main(["look", export, *more]) == 0
        shown = capsys.readouterr().out
        assert "canary" not in shown.lower()
        assert ("aaaaaa999@aaaaaaa.aaa" in shown) is bool("--examples" in more)


def test_dates_of_single_people_are_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(2)
    day = datetime.date(1931, 3, 7)
    born = [day, *(day + datetime.timedelta(days=9000 + chance.randrange(20_000)) for _ in range(2_000))]
    documents = [
        {"_id": i, "since": {"$date": f"{date}T00:00:00Z"}, "birth_date": {"$date": "1990-05-05T00:00:00Z"}}
        for i, date in enumerate(born)
    ]
    documents += [
        {"_id": -1, "last": {"$date": {"$numberLong": str(n)}}} for n in (-1_000_000_000_000, 10**15)
    ]
    export = write(tmp_path / "a.jsonl", documents)
    for more in ([], ["--json"], ["--all", "--examples"]):
        assert main(["look", export, *more]) == 0
        shown = capsys.readouterr().out
        assert not {str(min(born)), str(max(born)), "1931-03", "1990-05", "1938-04-24"} & set(
            re.split(r"[\s\",;]+", shown)
        )
    paths = {path.path: path.time_range for path in look(export).paths}
    assert (paths["birth_date"], paths["last"]) == (("1990", "1990"), None)
    assert paths["since"] is not None and max(map(len, paths["since"])) <= 7


def test_names_of_people_as_keys_are_not_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people_ = [f"{first} {last}" for first in ("Ada", "Bob", "Eve", "Kim") for last in ("Lee", "Roe", "Doe")]
    documents = [
        {"n": i % 7, "won": i % 2, "by": {people_[i % 12]: 1}, "at": {"a": 1, "b": 2}} for i in range(100)
    ]
    main(["look", write(tmp_path / "a.jsonl", [*documents, {"+49 170 1234567": 1}])])
    shown = capsys.readouterr().out
    assert not any(name in shown for name in ("Ada", "Roe", "+49")) and "at.a" in shown


def test_rare_shapes_are_not_examples(tmp_path: Path) -> None:
    documents = [{"t": "abc"} for _ in range(30)] + [{"t": "X Æ A-12"}]
    seen = look(write(tmp_path / "a.jsonl", documents), None, examples=True)
    assert seen.paths[0].shapes == ("aaa",)


def test_a_document_is_suggested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = [{**one, "churned": i % 3 == 0} for i, one in enumerate(people(300))]
    main(["look", write(tmp_path / "a.jsonl", documents)])
    shown = capsys.readouterr().out
    assert "label: churned" in shown
    assert "#   mail: looks personal" in shown
    main(["look", write(tmp_path / "b.jsonl", [{"text": "a"}] * 10)])
    assert "# none: " in capsys.readouterr().out


def test_flattened_changes_are_suggested_as_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [{"_id": i, "n": i % 9, "won": i % 3 == 0, "__deleted": i % 7 == 0} for i in range(200)]
    main(["look", write(tmp_path / "a.jsonl", documents)])
    suggested = capsys.readouterr().out.split("A document to start with")[1]
    assert "  changes: {}" in suggested and "__deleted" not in suggested and "label: won" in suggested


def test_drift(tmp_path: Path) -> None:
    old = look(write(tmp_path / "a.jsonl", people(1000, gone=1, size=1, often=1)))
    later = [{**d, "fresh": "x", "size": "big"} for d in people(1000)]
    later = [{**d, "often": 1} if i % 2 else d for i, d in enumerate(later)]
    found = {(one.path, one.change) for one in differences(old, look(write(tmp_path / "b.jsonl", later)))}
    assert found == {("fresh", "new"), ("gone", "vanished"), ("size", "type"), ("often", "rate")}
    assert differences(old, old) == []


def test_chance_is_not_drift(tmp_path: Path) -> None:
    chance = random.Random(7)
    documents = [{"a": 1, **({"b": 1} if chance.random() < 0.5 else {})} for _ in range(4000)]
    first, second = (
        write(tmp_path / "a.jsonl", documents[:2000]),
        write(tmp_path / "b.jsonl", documents[2000:]),
    )
    assert differences(look(first), look(second)) == []
    rare = write(tmp_path / "c.jsonl", [*documents[:1999], {"a": 1, "odd": 1}])
    kinds = {one.path: one.change for one in differences(look(rare, 2000), look(second, 1000))}
    assert kinds == {"odd": "rare"}


def test_drift_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (
        write(tmp_path / "a.jsonl", people(300, n=1)),
        write(tmp_path / "b.jsonl", people(300, n="x")),
    )
    assert main(["look", first, second]) == 0
    assert "type flips from int to string (int 100% → string 100%)" in capsys.readouterr().out
    assert main(["look", first, first]) == 0
    assert "the same shape" in capsys.readouterr().out


def test_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected documents that can be read"):
        look(write(tmp_path / "a.jsonl", []) and str(_broken(tmp_path)))


def _broken(folder: Path) -> Path:
    path = folder / "broken.jsonl"
    path.write_text("{broken\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("count", [10, KEPT - 1, 50_000])
def test_distinct_values(count: int) -> None:
    distinct = Distinct()
    for begin in range(0, count, 997):
        values = list(range(begin, min(count, begin + 997)))
        distinct.add(values, len(values))
        distinct.add([str(value) for value in values[:0]], 0)
    assert len(distinct) == pytest.approx(count, rel=0.08 if count >= KEPT else 0)


@given(st.text(string.ascii_letters + string.digits + "@.-é漢", max_size=60))
def test_masks_hide(text: str) -> None:
    assert set(masked("string", text)) <= set("aA9@.-…")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "$date", "$oid"]), JSON, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_every_document_can_be_looked_at(documents: list[dict[str, Any]]) -> None:
    tree = Tree(all_text=False)
    tree.take(documents, wrapped=True)
    for node in tree.root.walk():
        assert 0 <= node.holding <= node.there <= len(documents) or not node.path
