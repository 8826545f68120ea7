"""Values that do not fit their type are seen: a stop where a feature would be empty or nearly so, else a warning."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.source import resolve
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen.checks import check_split_key
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.config import MisfitsConfig
from components.mongo_example_gen.misfits import check_features, check_values
from components.mongo_example_gen.notices import notices
from components.mongo_example_gen.plan import Plan, settle_types
from components.mongo_example_gen.report import Origin, report
from components.mongo_example_gen.result import Ingestion
from foundation.errors import DataError

MakePlan = Callable[..., Plan]


def _convert(path: Path, plan: Plan) -> tuple[Tally, Plan]:
    """Reads a file until the types are settled, as an ingestion does."""
    for _ in range(3):
        tally: Tally = Counter()
        for item in plan_items(recognise_all([(path, path.name)], "auto")):
            for part in item.parts:
                for block in read_part(part):
                    convert_block(block, part.format.kind, plan, tally)
        wider = settle_types(plan, kinds_of(tally))
        if wider == plan:
            break
        plan = wider
    return tally, plan


def _notices(path: Path, plan: Plan) -> list[str]:
    tally, plan = _convert(path, plan)
    check_values(tally, plan, MisfitsConfig())
    origin = Origin(resolve(path.name, path.parent), "x", "none", "", 1)
    return notices(Ingestion.from_json(report(tally, plan, origin)))


def _csv(folder: Path, cells: list[str]) -> Path:
    path = folder / "export.csv"
    path.write_text("_id,v,y\n" + "".join(f'{i},"{cell}",{i % 2}\n' for i, cell in enumerate(cells)))
    return path


def _json(folder: Path, values: list[Any]) -> Path:
    path = folder / "export.jsonl"
    path.write_text("".join(json.dumps({"_id": i, "v": v, "y": i % 2}) + "\n" for i, v in enumerate(values)))
    return path


WRITINGS = [
    pytest.param("float", "3,14", "number with a comma", "decimal point", id="decimal comma"),
    pytest.param("int", "1,234", "number with a comma", "decimal point", id="thousands"),
    pytest.param("bool", "True", "other word for true or false", "export true and false", id="True"),
    pytest.param("bool", "yes", "other word for true or false", "export true and false", id="yes"),
    pytest.param(
        "date", "2023-05-06 10:00:00", "date without a zone", "export dates with their zone", id="naive date"
    ),
    pytest.param("date", "2023-05-06", "date without a zone", "export dates with their zone", id="day"),
    pytest.param("int", "abc", "string in a int field", "correct the path or the type", id="text"),
    pytest.param("float", "NaN", "not a finite number", "empty value in place of NaN", id="NaN"),
]
FITTING = {"float": "3.5", "int": "5", "bool": "true", "date": "2024-01-31T10:00:00Z"}


@pytest.mark.parametrize("write", [_csv, _json])
@pytest.mark.parametrize(("type", "text", "reason", "remedy"), WRITINGS)
def test_a_feature_of_misfits_alone_stops(
    tmp_path: Path, make_test_plan: MakePlan, write: Any, type: str, text: str, reason: str, remedy: str
) -> None:
    path = write(tmp_path, [text] * 200)
    with pytest.raises(DataError) as caught:
        _notices(path, make_test_plan({"v": type}))
    assert f"200 of 200 do not: {reason}" in str(caught.value)
    assert remedy in str(caught.value)
    assert "fail_above" not in str(caught.value)
    assert (
        text not in str(caught.value).replace("not a finite number", "").replace("place of NaN", "")
        or text == "yes"
    )


@pytest.mark.parametrize("write", [_csv, _json])
@pytest.mark.parametrize(("type", "text", "reason", "remedy"), WRITINGS)
def test_some_misfits_warn_and_more_than_half_stop(
    tmp_path: Path, make_test_plan: MakePlan, write: Any, type: str, text: str, reason: str, remedy: str
) -> None:
    fitting = FITTING[type]
    plan = make_test_plan({"v": type})
    assert _notices(write(tmp_path, [fitting] * 198 + [text] * 2), plan) == []
    (said,) = _notices(write(tmp_path, [fitting] * 190 + [text] * 10), plan)
    assert f"10 of 200 values of v do not fit the type {type} and count as missing ({reason}" in said
    assert remedy in said or type == "int"
    path = write(tmp_path, [fitting] * 99 + [text] * 101)
    if text == "NaN":
        assert len(_notices(path, plan)) == 1
        return
    with pytest.raises(DataError, match=rf"101 of 200 do not: {reason}.*raise data.misfits.fail_above"):
        _notices(path, plan)
    tally, settled = _convert(path, plan)
    check_values(tally, settled, MisfitsConfig.model_validate({"fail_above": "60%"}))


@pytest.mark.parametrize(
    ("value", "type", "seen"),
    [
        ({"a": 1}, None, "document in a feature: 50"),
        ([[1]], None, "array in a feature: 50"),
        ({"$minKey": 1}, None, "minkey in a feature: 50"),
        ({"a": 1}, "string", "document in a string field: 50"),
        (1e39, None, "beyond float32: 50"),
        (1e-46, None, "below float32: 50"),
        ({"$numberDouble": "NaN"}, None, "not a finite number: 50"),
        ({"$date": {"$numberLong": str(-(2**63))}}, None, "beyond int64: 50"),
    ],
    ids=lambda value: json.dumps(value)[:20],
)
def test_a_feature_that_no_value_can_become_stops(
    tmp_path: Path, make_test_plan: MakePlan, value: Any, type: str | None, seen: str
) -> None:
    with pytest.raises(DataError, match=seen):
        _notices(_json(tmp_path, [value] * 50), make_test_plan({"v": type}))


def test_a_path_through_text_and_an_array_declared_as_none_stop(
    tmp_path: Path, make_test_plan: MakePlan
) -> None:
    path = _json(tmp_path, ["text"] * 30)
    with pytest.raises(DataError, match="no document on the way: 30; remedy: correct the path"):
        _notices(path, make_test_plan({"v.x": "int"}))
    plan = make_test_plan({"v": "int"})
    single = Plan(
        tuple(c if c.path != "v" else type(c)(c.path, c.feature, c.type, True, False) for c in plan.columns),
        "y",
        True,
        "_id",
        (7, 1, 2),
    )
    with pytest.raises(DataError, match="declare list: true"):
        _notices(_json(tmp_path, [[1, 2]] * 30), single)


@pytest.mark.parametrize("odd", ["NaN", "+Inf", "-Infinity", "nan", "inf"])
def test_one_cell_that_is_no_finite_number_leaves_a_csv_column_numbers(
    tmp_path: Path, make_test_plan: MakePlan, odd: str
) -> None:
    tally, plan = _convert(_csv(tmp_path, ["1.5"] * 150 + [odd] + ["2"] * 49), make_test_plan({"v": None}))
    assert [column.type for column in plan.columns if column.path == "v"] == ["float"]
    assert tally["misfits", "v", "not a finite number"] == 1


def test_undeclared_whole_doubles_of_csv_are_exact(tmp_path: Path, make_test_plan: MakePlan) -> None:
    path = _csv(tmp_path, ["5", "1e+06", "1.700000000123e+12"] * 20)
    tally, plan = _convert(path, make_test_plan({"v": None}))
    assert [column.type for column in plan.columns if column.path == "v"] == ["int"]
    assert not [key for key in tally if key[0] == "misfits" or key[-1] == "rounded by float32"]


@pytest.mark.parametrize(("odd", "write"), [("n/a", _csv), ("NULL", _csv), ("n/a", _json)])
def test_a_column_of_numbers_that_one_text_makes_text_is_said(
    tmp_path: Path, make_test_plan: MakePlan, odd: str, write: Any
) -> None:
    numbers: list[Any] = ["1.5"] * 99 if write is _csv else [1.5] * 99
    (said,) = _notices(write(tmp_path, [*numbers, odd]), make_test_plan({"v": None}))
    assert said == (
        "v is text, since 1 of its 100 values are no numbers: declare its type under data.fields to read numbers and "
        "count the others as missing"
    )
    assert _notices(write(tmp_path, [*numbers, odd]), make_test_plan({"v": "string"})) == []


def test_an_odd_value_on_the_way_leaves_the_type_alone(tmp_path: Path, make_test_plan: MakePlan) -> None:
    values = [{"n": i} for i in range(150)] + ["text", {"n": [[1]]}]
    _, plan = _convert(_json(tmp_path, values), make_test_plan({"v.n": None}))
    assert [column.type for column in plan.columns if column.path == "v.n"] == ["int"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param((_csv, ["1700000000"] * 40), 1, id="csv"),
        pytest.param((_csv, ["1.7e+09"] * 40), 1, id="csv double"),
        pytest.param((_json, [1_700_000_000] * 40), 1, id="json"),
        pytest.param((_json, [1_700_000_000.0] * 40), 1, id="json double"),
        pytest.param((_json, [{"$numberLong": "1700000000"}] * 40), 1, id="canonical"),
        pytest.param((_json, [1_700_000_000_000] * 40), 0, id="milliseconds"),
        pytest.param((_json, [{"$date": 1_700_000_000}] * 40), 0, id="dates of 1970"),
        pytest.param((_csv, ["1970-01-20T16:13:20Z"] * 40), 0, id="text of 1970"),
        pytest.param((_json, [0, 1, 2, 3] * 10), 0, id="small numbers"),
    ],
)
def test_epoch_seconds_read_as_dates_are_said(
    tmp_path: Path, make_test_plan: MakePlan, path: Any, said: int
) -> None:
    write, values = path
    found = _notices(write(tmp_path, values), make_test_plan({"v": "date"}))
    assert len(found) == said
    assert all("40 of 40 values of v look like epoch seconds" in text for text in found)


def test_a_feature_without_any_value_is_said(tmp_path: Path, make_test_plan: MakePlan) -> None:
    assert _notices(_json(tmp_path, [None] * 20), make_test_plan({"v": "int"})) == [
        "no document has a value of v"
    ]


def test_keys_that_are_missing_or_behind_no_document_are_said(
    tmp_path: Path, make_test_plan: MakePlan
) -> None:
    path = _json(tmp_path, [{"id": 1}] * 80 + [5] * 10 + [None] * 10)
    blocked, missing = _notices(path, make_test_plan({}, by="v.id"))
    assert "the split key v.id leads through something that is no document in 10 of 100 documents" in blocked
    assert missing == "the split key v.id is missing in 10 of 100 documents: they are split by their _id"


@pytest.mark.parametrize(
    ("value", "seen"), [(None, ""), (5, "; in 30 it leads through something that is no document")]
)
def test_a_split_key_that_no_document_has_stops(
    tmp_path: Path, make_test_plan: MakePlan, value: Any, seen: str
) -> None:
    tally, plan = _convert(_json(tmp_path, [value] * 30), make_test_plan({}, by="v.id"))
    tally["documents", "accepted"] = 30
    with pytest.raises(
        DataError, match=f"data.split.by 'v.id'; .*none of 30 documents has it{seen}; remedy: correct"
    ):
        check_split_key(tally, plan, set())
    with pytest.raises(DataError, match=r"did you mean 'v\.ids'"):
        check_split_key(tally, plan, {"v.ids"})
    tally["documents", "accepted"] = 31
    check_split_key(tally, plan, set())


@pytest.mark.parametrize("value", ["text", None, 5])
def test_documents_to_predict_for_need_a_feature(
    tmp_path: Path, make_test_plan: MakePlan, value: Any
) -> None:
    plan = make_test_plan({"lessons": "int", "profile.country": None, "y": "int"}, labelled=False)
    tally, settled = _convert(_json(tmp_path, [value] * 30), plan)
    with pytest.raises(
        DataError, match=r"none of 30 documents has any of lessons, profile.country; remedy: check infer"
    ):
        check_features(tally, settled, {"_id", "v", "y"})
    with pytest.raises(DataError, match="did you mean 'lesons'"):
        check_features(tally, settled, {"lesons"})
    path = tmp_path / "other.jsonl"
    path.write_text('{"_id": 1, "lessons": null}\n{"_id": 2}\n')
    check_features(_convert(path, plan)[0], settled, set())
    assert _notices(path, plan) == [
        "documents to predict for: no document has a value of lessons",
        "documents to predict for: no document has a value of profile_country",
    ]


def test_a_few_documents_to_predict_for_may_all_be_odd(tmp_path: Path, make_test_plan: MakePlan) -> None:
    plan = make_test_plan({"v": "float"}, labelled=False)
    (said,) = _notices(_json(tmp_path, ["3,14"] * 19), plan)
    assert said.startswith("documents to predict for: 19 of 19 values of v do not fit the type float")
    with pytest.raises(DataError, match="20 of 20 do not: number with a comma"):
        _notices(_json(tmp_path, ["3,14"] * 20), plan)
    with pytest.raises(DataError, match="3 of 3 do not"):
        _notices(_json(tmp_path, ["3,14"] * 3), make_test_plan({"v": "float"}))


DOCUMENT = {
    "name": "misfits",
    "data": {"mongo_export": "export.jsonl", "label": "y", "fields": {"v": {"type": "float"}}},
    "features": {"v": "zscore"},
    "evaluate": {"metrics": ["auc"], "gates": {"auc": 0.7}},
    "push": {"to": "served"},
    "infer": {"mongo_export": "new.jsonl", "to": "predictions"},
}


@pytest.mark.component
def test_the_command_line_stops_or_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.cli.main import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(DOCUMENT))
    (tmp_path / "new.jsonl").write_text('{"_id": 1, "other": 5}\n')
    _json(tmp_path, ["3,14"] * 200)
    assert main(["run", "--to", "MongoExampleGen"]) == 3
    error = capsys.readouterr().err
    assert "200 of 200 do not: number with a comma in a float field: 200" in error
    assert "Traceback" not in error
    assert not list(tmp_path.rglob("Split-*"))
    _json(tmp_path, [1.5] * 190 + ["3,14"] * 10)
    assert main(["run", "--to", "MongoExampleGen"]) == 0
    assert "Warning: 10 of 200 values of v do not fit the type float" in "".join(capsys.readouterr())
    assert any("10 of 200 values of v" in path.read_text() for path in tmp_path.rglob("*.html"))
    _json(tmp_path, [1.5] * 80 + ["x"] * 120)
    assert main(["run", "--to", "MongoExampleGen"]) == 3
    capsys.readouterr()
    assert main(["run", "--to", "MongoExampleGen", "--set", "data.misfits.fail_above=0.7"]) == 0
    capsys.readouterr()
    assert main(["run", "--only", "InferExampleGen", "--set", "data.misfits.fail_above=0.7"]) == 3
    assert "none of 1 documents has any of v" in capsys.readouterr().err
