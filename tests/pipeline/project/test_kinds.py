"""What a new document makes of exports that are small, of text labels, of mixed types and of codes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.exports.source import resolve
from components.mongo_example_gen.preview import preview
from foundation.errors import DataError
from pipeline.document import load
from pipeline.document.models import PipelineSpec
from pipeline.project import create_project

Export = Callable[[list[dict[str, Any]]], Path]


@pytest.fixture
def written(export: Export, tmp_path: Path) -> Callable[..., tuple[PipelineSpec, str]]:
    """Starts a project and returns its typed document and its text."""

    def write(documents: list[dict[str, Any]], label: str | None = None) -> tuple[PipelineSpec, str]:
        path = create_project(tmp_path / "p", export(documents), "p", label)[0]
        return load([path]).spec, path.read_text(encoding="utf-8")

    return write


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("yes", "no"),
        ("Yes", "No"),
        ("Y", "N"),
        ("malignant", "benign"),
        ("M", "B"),
        ("spam", "ham"),
        ("bad", "good"),
        ("churned", "stayed"),
        ("active", "inactive"),
        ("recurrence-events", "no-recurrence-events"),
        ("Returned", "Not returned"),
        (">50K", "<=50K"),
        ("True.", "False."),
        ('oui "d\'accord": #1', "nein"),
    ],
)
@pytest.mark.parametrize("rarer", ["positive", "negative"])
def test_any_two_texts_are_binary_with_a_positive(
    written: Callable[..., tuple[PipelineSpec, str]], positive: str, negative: str, rarer: str
) -> None:
    by_word = positive not in ("M", ">50K")  # of words that say nothing the rarer one counts
    first, second = (negative, positive) if rarer == "positive" or not by_word else (positive, negative)
    documents = [{"n": i % 17, "outcome": first if i % 3 else second} for i in range(120)]
    spec, text = written(documents)
    assert (spec.model.task, spec.model.positive) == ("binary", positive)
    assert "auc" in spec.evaluate.gates
    assert "contains no values but that of the positive class" in text


def test_a_class_that_few_have_or_that_looks_personal_is_not_written(
    written: Callable[..., tuple[PipelineSpec, str]],
) -> None:
    spec, text = written([{"n": i % 9, "outcome": "churned" if i < 3 else "kept"} for i in range(80)])
    assert (spec.model.task, spec.model.positive) == ("binary", "kept")
    assert "churned" not in text


def test_two_classes_of_which_none_may_be_told_have_no_positive(
    written: Callable[..., tuple[PipelineSpec, str]],
) -> None:
    documents = [{"n": i % 9, "outcome": f"agent{i % 2}@example.org"} for i in range(80)]
    spec, text = written(documents, "outcome")
    assert (spec.model.task, "example.org" in text) == ("multiclass", False)


@pytest.mark.parametrize("count", [40, 87, 178, 344, 435, 1000, 3000])
def test_the_gate_can_be_met_by_the_rows_that_the_test_split_has(
    export: Export, tmp_path: Path, count: int
) -> None:
    path = export([{"_id": f"d{i}", "n": i % 17, "won": i % 3 == 0} for i in range(count)])
    spec = load([create_project(tmp_path / "p", path, "p")[0]]).spec
    assert spec.evaluate.gates != "none"
    source = resolve(str(path), tmp_path)
    seen = preview(spec.data, spec.ingested_fields(), source, tmp_path)
    labels = [label for label, code in zip(seen.labels, seen.splits, strict=True) if code == 2]
    rows, won = len(labels), sum(labels)
    decides_from = spec.evaluate.gates["auc"].min_rows
    gate = spec.evaluate.gates["auc"]
    assert decides_from <= rows
    assert (20 if gate.min_positives is None else gate.min_positives) <= won
    assert (20 if gate.min_negatives is None else gate.min_negatives) <= rows - won
    assert decides_from == 100 or count < 1000


@pytest.mark.parametrize(("rare", "stratified"), [(10, True), (400, False)])
def test_splits_of_a_rare_class_are_stratified(
    written: Callable[..., tuple[PipelineSpec, str]], rare: int, stratified: bool
) -> None:
    spec, _ = written([{"n": i % 17, "won": i < rare} for i in range(1000)])
    assert spec.data.split.stratify == ("won" if stratified else None)


MIXED = [
    pytest.param(
        lambda i: {"$date": f"2024-{1 + i % 12:02d}-0{1 + i % 9}T{i % 24:02d}:00:00Z"}, "date", id="dates"
    ),
    pytest.param(
        lambda i: f"2024-{1 + i % 12:02d}-0{1 + i % 9}T{i % 24:02d}:00:00Z", "date", id="dates as text"
    ),
    pytest.param(lambda i: i * 1.25, "float", id="numbers"),
    pytest.param(lambda i: str(i * 1.25), "float", id="numbers as text"),
]


@pytest.mark.parametrize(("value", "kind"), MIXED)
def test_a_few_values_of_another_type_do_not_change_what_a_field_is(
    written: Callable[..., tuple[PipelineSpec, str]], value: Callable[[int], Any], kind: str
) -> None:
    documents = [{"x": "unknown" if i % 10 == 0 else value(i), "won": i % 2} for i in range(300)]
    spec, text = written(documents)
    assert spec.data.fields["x"].type == kind
    kinds = [one.kind for one in spec.features.declared["x"]]
    assert kinds == (["zscore", "date_parts", "missing"] if kind == "date" else ["zscore", "missing"])
    assert "10% of the values are of another type and count as missing" in text


def test_text_among_which_some_are_numbers_stays_text(
    written: Callable[..., tuple[PipelineSpec, str]],
) -> None:
    documents = [{"x": f"{i % 30}" if i % 5 else f"B{i % 40}", "won": i % 2} for i in range(300)]
    assert written(documents)[0].data.fields["x"].type == "string"


@pytest.mark.parametrize(
    "codes", [["01234", "90210", "10001", "60601", "73301"], [90210, "01234", 10001, 60601, 73301]]
)
def test_digits_padded_with_zeros_stay_text(
    written: Callable[..., tuple[PipelineSpec, str]], codes: list[Any]
) -> None:
    documents = [{"x": codes[i % 5], "won": i % 2} for i in range(300)]
    spec, text = written(documents)
    assert spec.data.fields["x"].type == "string"
    assert [one.kind for one in spec.features.declared["x"]] == ["vocabulary"]
    assert "count as missing" not in text


def test_no_slice_of_mixed_types(written: Callable[..., tuple[PipelineSpec, str]]) -> None:
    mixed = [1, "a", True, 2.5, "b"]
    documents = [{"m": mixed[i % 5], "c": "xyz"[i % 3], "won": i % 2} for i in range(300)]
    assert written(documents)[0].evaluate.slices == ["c"]


@pytest.mark.parametrize("scale", [1e-7, 0.04, 40.0, 4e5, 4e12])
def test_numbers_are_written_without_exponents(
    written: Callable[..., tuple[PipelineSpec, str]], scale: float
) -> None:
    draw = random.Random(1)
    documents = [{"n": i % 17, "price": draw.gauss(0, scale)} for i in range(300)]
    _, text = written(documents, "price")
    assert not re.search(r"\de[+-]?\d", text.partition("evaluate:")[2])


@pytest.mark.parametrize("label", ["won", "class", "price"])
def test_gates_demand_to_beat_guessing_and_not_to_lose_to_a_linear_model(
    written: Callable[..., tuple[PipelineSpec, str]], label: str
) -> None:
    documents = [{"n": i % 17, "won": i % 2, "class": "abc"[i % 3], "price": i / 7} for i in range(600)]
    spec, _ = written(documents, label)
    assert spec.evaluate.gates != "none"
    (gate,) = spec.evaluate.gates.values()
    assert gate.better_than_constant
    assert gate.not_worse_than_linear_by == gate.not_worse_than_blessed_by is not None


def test_spans_are_compared_where_there_are_any(people: list[dict[str, Any]], tmp_path: Path) -> None:
    for span in ("1", "2"):
        (tmp_path / "exports" / span).mkdir(parents=True)
        text = "".join(json.dumps(document) + "\n" for document in people)
        (tmp_path / "exports" / span / "people.jsonl").write_text(text, encoding="utf-8")
    spec = load([create_project(tmp_path / "p", tmp_path / "exports", "p")[0]]).spec
    assert sorted(spec.validation.drift) == ["active", "age", "country", "spent"]
    assert all(one.calibrated for one in spec.validation.drift.values())


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    [
        ("area_code", lambda d: d.choice([408, 415, 510]), ["zscore", "vocabulary"]),
        ("zip", lambda d: d.randrange(90_000, 90_060), ["vocabulary"]),
        ("storeNumber", lambda d: d.randrange(1, 50), ["vocabulary"]),
        ("z", lambda d: 10_000 + d.randrange(40) ** 3, ["zscore", "vocabulary"]),
        ("weekday", lambda d: d.randrange(7), ["zscore", "vocabulary"]),
        ("age", lambda d: d.randrange(18, 80), ["zscore"]),
        ("amount", lambda d: d.randrange(20, 2000) * 5, ["zscore"]),
        ("rounded", lambda d: d.randrange(1, 60) * 500, ["zscore"]),
        ("spent", lambda d: d.lognormvariate(3, 1.5), ["zscore", "log_zscore"]),
    ],
)
def test_codes_are_categories_and_quantities_numbers(
    written: Callable[..., tuple[PipelineSpec, str]],
    name: str,
    value: Callable[[random.Random], Any],
    kinds: list[str],
) -> None:
    draw = random.Random(3)
    documents = [{name: value(draw), "won": draw.random() < 0.4} for _ in range(2000)]
    assert [one.kind for one in written(documents)[0].features.declared[name]] == kinds


def test_a_number_whose_single_values_decide_is_a_category(
    written: Callable[..., tuple[PipelineSpec, str]],
) -> None:
    draw = random.Random(5)
    chances = [draw.random() for _ in range(40)]
    codes = [draw.randrange(40) for _ in range(2000)]
    documents = [{"c": c, "n": c % 20 + draw.randrange(20), "won": draw.random() < chances[c]} for c in codes]
    declared = written(documents)[0].features.declared
    assert [one.kind for one in declared["c"]] == ["zscore", "vocabulary"]


def test_whole_doubles_that_are_codes_are_declared_whole(
    written: Callable[..., tuple[PipelineSpec, str]],
) -> None:
    documents = [{"area_code": float([408, 415, 510][i % 3]), "won": i % 2} for i in range(300)]
    assert written(documents)[0].data.fields["area_code"].type == "int"


def test_the_profile_of_csv_is_that_of_json(tmp_path: Path) -> None:
    draw = random.Random(7)
    rows = [
        (draw.random(), draw.choice("abc"), draw.choice(["", "12.5", "13"]), draw.choice(["yes", "no"]))
        for _ in range(400)
    ]
    lines = [f"{i},{a},{b},{c},{d}" for i, (a, b, c, d) in enumerate(rows)]
    (tmp_path / "a.csv").write_text("_id,a,b,c,outcome\n" + "\n".join(lines) + "\n", encoding="utf-8")
    texts = [
        json.dumps({"_id": i, "a": a, "b": b, "c": float(c) if c else None, "outcome": d})
        for i, (a, b, c, d) in enumerate(rows)
    ]
    (tmp_path / "a.json").write_text("\n".join(texts) + "\n", encoding="utf-8")
    specs = [
        load([create_project(tmp_path / name[-3:], tmp_path / name, "p")[0]]).spec
        for name in ("a.csv", "a.json")
    ]
    assert specs[0].model == specs[1].model
    assert specs[0].features == specs[1].features


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_values_of_which_some_are_documents(
    written: Callable[..., tuple[PipelineSpec, str]], share: float
) -> None:
    draw = random.Random(9)
    values = [{"city": draw.choice("abc")} if draw.random() < share else "a text" for _ in range(400)]
    documents = [{"at": at, "n": draw.random(), "won": i % 2} for i, at in enumerate(values)]
    spec, text = written(documents)
    read = set(spec.data.fields) - {"n", "won"}
    assert read == ({"at.city"} if share == 0.97 else set()), text


@pytest.mark.parametrize(
    ("value", "used"),
    [([["a", "b"]], False), ([["a"], "b"], False), (["a", "b"], True), ([{"x": ["a", "b"]}] * 2, True)],
    ids=["arrays", "some arrays", "values", "arrays in documents"],
)
def test_arrays_in_an_array_are_not_read(
    written: Callable[..., tuple[PipelineSpec, str]], value: list[Any], used: bool
) -> None:
    draw = random.Random(5)
    spec, text = written([{"at": value, "n": draw.random(), "won": i % 2} for i in range(80)])
    assert bool(set(spec.data.fields) - {"n", "won"}) is used
    assert ("#   at: arrays in an array, which no feature can hold" in text) is not used


def test_an_empty_text_is_no_class(written: Callable[..., tuple[PipelineSpec, str]]) -> None:
    draw = random.Random(6)
    answers = ["yes", "no", "no", ""]
    spec, _ = written([{"n": draw.random(), "left": answers[i % 4]} for i in range(80)], "left")
    assert (spec.model.task, spec.model.positive) == ("binary", "yes")


def test_one_class_beside_empty_texts_is_no_label(written: Callable[..., tuple[PipelineSpec, str]]) -> None:
    with pytest.raises(DataError, match="the same value in all documents"):
        written([{"n": i * 0.7, "left": ["yes", ""][i % 2]} for i in range(80)], "left")


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("ccs", lambda i: float(1 + i % 6), True),
        ("card", lambda i: 4_111_111_111_111_111 + i, False),
        ("phone", lambda i: f"555 01{i % 90 + 10}", False),
        ("phone", lambda i: i % 4, True),
        ("latitude", lambda i: i % 90 + 0.5, False),
        ("first_name", lambda i: ["Ada", "Bob", "Eve"][i % 3], False),
    ],
)
def test_a_personal_name_counts_unless_the_values_deny_it(
    written: Callable[..., tuple[PipelineSpec, str]], name: str, value: Callable[[int], Any], used: bool
) -> None:
    documents = [{name: value(i), "n": i % 17, "won": i % 2} for i in range(300)]
    assert (name in written(documents)[0].data.fields) == used


def test_long_texts_are_no_slices(written: Callable[..., tuple[PipelineSpec, str]]) -> None:
    documents = [
        {
            "c": "ab"[n % 2],
            "note": ("The same words, again and again. " * 90, "Others.")[n % 2],
            "won": n % 3 == 0,
        }
        for n in range(300)
    ]
    assert written(documents)[0].evaluate.slices == ["c"]
