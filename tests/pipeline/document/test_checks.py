"""Contradictions between valid parts, each with its position and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.trainer.metrics import TRAINING_METRICS
from components.trainer.models import MODEL_TYPES
from pipeline.document import PipelineSpec, SpecErrors, check
from pipeline.document.checks import CHECKS, SECTION_DEFAULTS

OWN_MODEL = ("model=model.py:build",)

CASES: list[tuple[str, tuple[str, ...], str]] = [
    (
        "label is a feature",
        ("features.retained=zscore",),
        "features.retained: the label 'retained' is also a feature",
    ),
    ("label in a cross", ("features.country={cross: {with: [retained]}}",), "remove it from the cross"),
    ("label is the id", ("data.label=_id",), "cannot be learnt"),
    ("label misspelt", ("data.label=boi",), "data.label: no field provides 'boi'; did you mean 'bio'?"),
    (
        "label a dotted path",
        ("data.label=stats.won",),
        "put the dotted path under data.fields: 'stats.won': stats_won",
    ),
    ("label declared a list", ("data.label=topics",), "the label is declared as an array"),
    (
        "text label for a regression",
        ("data.label=bio", "model.task=regression"),
        "regression needs a number",
    ),
    (
        "float label for classes",
        ("data.label=minutes", "model.task=multiclass"),
        "classes are text or whole numbers",
    ),
    (
        "text positive, number label",
        ("data.label=lessons", "features.lessons=!remove", "model.positive=won"),
        "the positive value is text",
    ),
    (
        "feature misspelt",
        ("features.topcis=count",),
        "features.topcis: no field provides 'topcis'; did you mean 'topics'?",
    ),
    ("feature with a space", ("features.first name=zscore",), "--set"),
    (
        "cross with nothing",
        ("features.country={cross: {with: [planet]}}",),
        "no field provides 'planet'; add it to data.fields",
    ),
    (
        "cross with itself",
        ("features.country={cross: {with: [country]}}",),
        "'country' is crossed with itself",
    ),
    (
        "two fields, one feature",
        ("data.fields.b=country",),
        "becomes the feature 'country', as does 'profile.country'",
    ),
    ("id taken", ("data.fields.b=_id",), "the feature _id is reserved for the document's id"),
    ("empty part of a path", ('data.fields."a..b"=c',), "a dotted path with an empty part"),
    (
        "odd name of a field",
        ('data.fields."first name"=',),
        "rename it under data.fields: 'first name': first_name",
    ),
    (
        "number made of text",
        ("features.bio=zscore",),
        "zscore on 'bio', declared as string; use vocabulary or hash",
    ),
    ("text made of a number", ("features.lessons=text",), "text on 'lessons', declared as int"),
    (
        "ids of floats",
        ("features.minutes=vocabulary",),
        "vocabulary on 'minutes', declared as float; use buckets",
    ),
    ("date parts of a number", ("features.lessons={date_parts: [month]}",), "declare type: date"),
    (
        "bag of a scalar",
        ("data.fields.topics={list: false}", "features.topics=bag"),
        "declared with list: false",
    ),
    (
        "outputs of one name",
        ("features.lessons=[zscore, zscore]",),
        "its output 'lessons_zscore' clashes with zscore on 'lessons'",
    ),
    ("output named as the label", ("data.label=lessons_zscore",), "clashes with the label"),
    (
        "preprocessing without fields",
        ("features=f.py:g", "data.fields=!remove"),
        "does not say which fields to read",
    ),
    (
        "drift of nothing",
        ("validate.drift.contry={l_infinity: 0.1}",),
        "validate.drift.contry: no field provides 'contry'; did you mean 'country'?",
    ),
    ("text as numbers", ("validate.train_test.bio={jensen_shannon: 0.1}",), "use calibrated or l_infinity"),
    ("a name of before", ("validate.skew.bio=calibrated",), "it is now called train_test"),
    ("no such comparison", ("validate.drift.bio=calibratd",), "did you mean 'calibrated'?"),
    (
        "drift of floats as categories",
        ("validate.drift.minutes={l_infinity: 0.1}",),
        "use calibrated or jensen_shannon",
    ),
    (
        "slice of nothing",
        ("evaluate.slices=[planet]",),
        "no field provides the slice 'planet'; add it to data.fields (planet: planet)",
    ),
    (
        "slice misspelt",
        ("evaluate.slices=[[country, lesons]]",),
        "evaluate.slices[0][1]: no field provides the slice 'lesons'; did you mean 'lessons'?",
    ),
    ("slice by a float", ("evaluate.slices=[minutes]",), "expected a feature with few values"),
    (
        "gate on a slice not computed",
        ("evaluate.gates.auc={at_least: 0.7, slices: [contry]}",),
        "did you mean 'country'?",
    ),
    (
        "metric of another task",
        ("evaluate.metrics=[auc, mae]",),
        "evaluate.metrics[1]: a binary model has no metric 'mae'; known for binary:",
    ),
    ("metric misspelt", ("evaluate.metrics=[auc, acuracy]",), "did you mean 'accuracy'?"),
    ("metric twice", ("evaluate.metrics=[auc, auc]",), "the metric 'auc' is listed twice"),
    (
        "gate on a metric not computed",
        ("evaluate.gates.recall=0.5",),
        "a gate on 'recall', which is not computed; add recall",
    ),
    ("no gate and no word", ("evaluate.gates=!remove", "evaluate.gates={}"), "write gates: none"),
    ("bounds crossed", ("evaluate.gates.auc={at_least: 0.9, at_most: 0.8}",), "no model can meet both"),
    ("bound in percent", ("evaluate.gates.auc=70",), "auc cannot exceed 1; seen: 70; write 0.7 for 70%"),
    (
        "interval not computed",
        ("evaluate.confidence_intervals=false", "evaluate.gates.auc={at_least: 0.7, on_interval: true}"),
        "set confidence_intervals: true",
    ),
    (
        "chance in slices not computed",
        (
            "evaluate.confidence_intervals=false",
            "evaluate.slices=[country]",
            "evaluate.gates.auc={at_least: 0.7, slices: [country]}",
        ),
        "slices: it tells a loss in a slice from chance, but confidence_intervals is false",
    ),
    (
        "no better than a constant",
        ("evaluate.metrics=[auc, calibration]", "evaluate.gates.calibration={better_than_constant: true}"),
        "calibration has no better direction, so no model can be better than the constant baseline",
    ),
    (
        "positives of a regression",
        (
            "model.task=regression",
            "evaluate.metrics=[rmse]",
            "evaluate.gates={rmse: {at_most: 3, min_positives: 5}}",
        ),
        "min_positives counts labels of a binary task",
    ),
    (
        "no better direction",
        ("evaluate.metrics=[auc, mean_label]", "evaluate.gates.mean_label={not_worse_than_blessed_by: 1}"),
        "has no better direction",
    ),
    (
        "positive of a regression",
        ("model.task=regression", "model.positive=1"),
        "only a binary task has a positive value",
    ),
    (
        "weights of a regression",
        ("model.task=regression", "train.class_weights=balanced"),
        "a regression has no classes",
    ),
    (
        "weights of three",
        ("train.class_weights={0: 1, 1: 1, 2: 1}",),
        "a binary task has two classes; seen: weights for 3",
    ),
    (
        "several machines that meet by a file in a store",
        (
            "root=s3://bucket/root",
            "metadata={sqlite: {path: m.db}}",
            "train.devices={strategy: multi_worker}",
        ),
        "train.devices: workers of several machines meet by a file in the pipeline's root, which is in a store; "
        "expected a root in a folder that all of them share; seen: s3://bucket/root; "
        "give root such a folder, or train.devices.workers to start all workers on one machine",
    ),
    ("negative weight", ("train.class_weights={0: -1}",), "expected a weight of at least 0; seen: -1"),
    (
        "objective of another task",
        ("tune.objective=val_mae",),
        "training a binary model does not compute 'val_mae'; known: val_loss, val_auc, val_accuracy",
    ),
    ("objective misspelt", ("tune.objective=auc",), "did you mean 'val_auc'?"),
    ("hyperband without epochs", ("tune.algorithm=hyperband",), "give tune.epochs"),
    ("endless search", ("tune.trials=null",), "the search has no limit"),
    ("unknown hyperparameter", ("tune.search={hiden: [[3]]}",), "did you mean 'hidden'?"),
    (
        "value no model has",
        ("tune.search={dropout: {min: 0, max: 2}}",),
        "tune.search.dropout.max: 2 is not a value of dropout; expected less than 1",
    ),
    (
        "choice no model has",
        ("tune.search={hidden: [3]}",),
        "tune.search.hidden[0]: 3 is not a value of hidden; expected a list",
    ),
    (
        "logarithm of zero",
        ("tune.search={l2: {min: 0, max: 1, log: true}}",),
        "a logarithmic range must start above 0",
    ),
    ("nothing to search", ("tune.search={}",), "nothing to search for"),
    (
        "a choice of nothing",
        ("tune.search={hidden: []}",),
        "tune.search.hidden: there is nothing to choose from",
    ),
    ("a choice twice", ("tune.search={hidden: [[3], [3]]}",), "[3] is listed twice"),
    ("layers without units", ("model.hidden=[64, 0]",), "model.hidden[1]: expected at least 1; seen: 0"),
    ("layers without units in a search", ("tune.search={hidden: [[8], [8, -1]]}",), "tune.search.hidden[1]"),
    ("bounds reversed", ("tune.search={l2: {min: 1, max: 0.1}}",), "min must be less than max"),
    ("a bound that is no number", ("tune.search={l2: {min: .nan, max: 1}}",), "finite number; seen: nan"),
    ("half a unit", ("tune.search={embedding: {min: 1.5, max: 4}}",), "tune.search.embedding.min"),
    (
        "a hyperparameter of another type",
        ("model.type=linear", "tune.search={hidden: [[3], [4]]}"),
        "a linear model has no hyperparameter 'hidden'; remove it, or set model.type to dense or wide_and_deep",
    ),
    ("type of a known key", ("tune.search={l2: {min: 0, max: 1, type: int}}",), "the type of l2 is known"),
    ("objective of an own model", (*OWN_MODEL, "tune.objective=val_f1"), "add tune.direction: max (or min)"),
    (
        "own hyperparameter from 0, logarithmic",
        (*OWN_MODEL, "tune.search={x: {min: 0, max: 1, log: true}}"),
        "tune.search.x: a logarithmic range must start above 0, not at 0",
    ),
    ("own hyperparameter of two kinds", (*OWN_MODEL, "tune.search={x: [a, 1]}"), "values of several kinds"),
    (
        "a key of train as own",
        (*OWN_MODEL, "tune.search={epochs: [1, 2]}"),
        "'epochs' is no name for a hyperparameter",
    ),
    ("the classes as own", (*OWN_MODEL, "tune.search={classes: [1, 2]}"), "it is taken; rename it"),
    ("type of an own model", (*OWN_MODEL, "tune.search={type: [linear, dense]}"), "it is taken; rename it"),
    (
        "two stores",
        ("metadata={sqlite: {}, mysql: {host: h, database: d, user: u}}",),
        "sqlite and mysql are given together",
    ),
    (
        "another orchestrator",
        ("run.orchestrator=airflow",),
        "run.orchestrator: expected 'local'; seen: 'airflow'",
    ),
    (
        "quarantine in the root",
        ("data.bad_documents.folder=.penstock/bad",),
        "quarantined documents would be inside the pipeline's root",
    ),
    ("models in the root", ("push.to=./.penstock/models",), "which penstock clean empties"),
    ("two outputs in one folder", ("push.to=out", "infer={mongo_export: x, to: out/}"), "share a folder"),
    ("span without a pattern", ("data.mongo_export=x.jsonl", "data.span=3"), "a span is requested"),
    (
        "unknown placeholder",
        ("data.mongo_export='x/{SPN}'",),
        "unknown placeholder {SPN}; did you mean 'SPAN'?",
    ),
    ("half a date", ("data.mongo_export='x/{YYYY}-{MM}'",), "a date also needs {DD}"),
    ("two spans", ("data.mongo_export='{SPAN}/{YYYY}{MM}{DD}'",), "both {SPAN} and a date give the span"),
    ("version alone", ("data.mongo_export='x/{VERSION}'",), "{VERSION} without {SPAN}"),
    (
        "live database",
        ("data.mongo_export=mongodb+srv://u:hunter2@h/db",),
        "a live database is never queried",
    ),
]


@pytest.mark.parametrize(
    ("overrides", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_contradictions(errors_with: Callable[..., str], overrides: tuple[str, ...], expected: str) -> None:
    message = errors_with(*overrides)
    assert expected in message
    assert "hunter2" not in message


CODE: list[tuple[str, str, str]] = [
    (
        "no such file",
        "features=featrues.py:f",
        "no file 'featrues.py' beside the document; did you mean 'features.py'?",
    ),
    (
        "no such function",
        "features=features.py:preproces",
        "features.py has no function 'preproces'; did you mean 'preprocess'?",
    ),
    ("not Python", "model=broken.py:f", "broken.py is not Python"),
    ("no reference", "model=features", "expected file.py:function; seen: 'features'"),
]


@pytest.mark.parametrize(
    ("override", "expected"), [case[1:] for case in CODE], ids=[case[0] for case in CODE]
)
def test_missing_user_code(
    document: Path, errors_with: Callable[..., str], override: str, expected: str
) -> None:
    document.with_name("features.py").write_text(
        "def preprocess(inputs):\n    return inputs\n", encoding="utf-8"
    )
    document.with_name("broken.py").write_text("def f(:\n", encoding="utf-8")
    assert expected in errors_with(override)


def test_user_code_is_parsed_and_never_run(document: Path, load_with: Callable[..., object]) -> None:
    document.with_name("model.py").write_text("raise SystemExit\ndef build(): ...\n", encoding="utf-8")
    load_with("model=model.py:build", "tune.search={anything: [1, 2]}")


def test_documents_built_in_python_get_the_same_checks() -> None:
    spec = PipelineSpec.model_validate({**SECTION_DEFAULTS, "features": {"label": "zscore"}})
    with pytest.raises(SpecErrors, match=r"^features.label: the label 'label' is also a feature"):
        check(spec)


def test_no_check_reads_placeholders_for_broken_sections() -> None:
    required = set(SECTION_DEFAULTS)
    spec = PipelineSpec.model_validate(SECTION_DEFAULTS)
    assert [problem for each in CHECKS if not each.sections & required for problem in each.find(spec)] == []


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("task", list(TRAINING_METRICS))
def test_every_metric_that_training_knows_is_an_objective(
    document: Path, load_with: Callable[..., Any], task: str, own: bool
) -> None:
    document.with_name("model.py").write_text("def build(): ...\n", encoding="utf-8")
    label = {"regression": ("data.label=lessons", "features.lessons=!remove")}.get(task, ())
    built = f"model={{build_model: model.py:build, task: {task}}}"
    model = (built,) if own else (f"model.task={task}",)
    for name in ("loss", *TRAINING_METRICS[task]):
        written = (*label, "model=!remove", *model, f"tune.objective=val_{name}", "evaluate.metrics=!remove")
        metrics = {"regression": "rmse"}.get(task, "accuracy")
        written = (*written, f"evaluate.metrics=[{metrics}]", "evaluate.gates=none")
        assert load_with(*written).spec.tune.objective == f"val_{name}"


def test_the_default_search_fits_every_model(load_with: Callable[..., Any]) -> None:
    for kind in MODEL_TYPES:
        assert load_with(f"model.type={kind}", "tune.trials=3").spec.tune.trials == 3


def test_a_whole_bound_stays_whole(document: Path, load_with: Callable[..., Any]) -> None:
    document.with_name("model.py").write_text("def build(): ...\n", encoding="utf-8")
    search = load_with(
        *OWN_MODEL, "tune.search={a: {min: 1, max: 4}, b: {min: 1.0, max: 4}}"
    ).spec.tune.search
    assert [search[name].whole for name in "ab"] == [True, False]
