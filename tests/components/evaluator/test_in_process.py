"""Evaluation in process against the same through Beam: every number of every model in every slice, and TFMA's files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.evaluator.result import Evaluation
from components.exports.groups import GROUP_FEATURE
from foundation.errors import DataError
from tests.components.evaluator.conftest import LABELS, rows_of, write_examples, write_model

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def made(data, tmp_path_factory) -> dict[str, Path]:
    """Rows of which some have no label, no country, or an array of two, in two shards; and models of each task."""
    folder = tmp_path_factory.mktemp("made")
    more: dict[str, Any] = {
        "plan": lambda i: [i % 3],
        "side": lambda i: [b"left" if data["x"][i] < -0.1 else b"right"],
        "yes": lambda i: [b"yes" if data["kept"][i] else b"no"],
        GROUP_FEATURE: lambda i: [i % 97],
    }
    rows = rows_of(data, **more)
    for i, row in enumerate(rows):
        if i % 50 == 0:
            for label in LABELS.values():
                row.pop(label)
        if i % 40 == 1:
            row["country"] = []
        if i % 40 == 2:
            row["country"] = [b"de", "日本".encode()]
    write_examples(folder / "examples", rows, shards=2)
    write_examples(folder / "without", [{k: v for k, v in row.items() if k != "yes"} for row in rows])
    for task in LABELS:
        write_model(folder / task / "new", task, 2.0)
        write_model(folder / task / "old", task, 0.5)
    write_model(folder / "binary" / "against", "binary", -1.0)
    write_model(folder / "binary" / "reading", "binary", 1.0, reads="yes", references=False)
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(SCHEMA)
    return {name.name: name for name in folder.iterdir()}


def numbers(folder: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Returns (slice, metric's key) → value and ends of the interval, as TFMA's reader finds them."""
    import tensorflow_model_analysis as tfma

    found = {}
    for record in tfma.load_metrics(str(folder)):
        for item in record.metric_keys_and_values:
            interval = item.confidence_interval
            found[str(record.slice_key), str(item.key)] = (
                item.value.bytes_value,
                item.value.double_value.value,
                item.HasField("confidence_interval"),
                interval.lower_bound.double_value.value,
                interval.upper_bound.double_value.value,
            )
    return found


def assert_equal(ours: Any, theirs: Any) -> None:
    """Asserts that two values are equal, numbers to the rounding of sums in another order."""
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_equal(ours[key], theirs[key])
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            assert_equal(mine, other)
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12, nan_ok=True)
    else:
        assert ours == theirs


SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} }}\n'
    for name, kind in {"_id": "BYTES", "x": "FLOAT", "kept": "INT", "country": "BYTES", "plan": "INT"}.items()
)
"""Without the number of the group and what only the blessed model reads, as after those were left out."""
CASES = {
    "binary": ("binary", "examples", None),
    "binary beside the blessed one": ("binary", "examples", "old"),
    "binary beside one that reads more": ("binary", "examples", "reading"),
    "binary beside one whose feature is gone": ("binary", "without", "reading"),
    "multiclass beside the blessed one": ("multiclass", "examples", "old"),
    "regression beside the blessed one": ("regression", "examples", "old"),
}


@pytest.mark.parametrize("blessed", ["old", "reading"])
def test_both_ways_agree_on_rows_that_belong_together_and_on_what_the_schema_leaves_out(
    blessed: str, made: dict[str, Path], evaluate: Callable[..., Path]
) -> None:
    ours, theirs = (
        evaluate(
            made["examples"],
            made["binary"] / "new",
            "binary",
            baseline=made["binary"] / blessed,
            way=way,
            slices=["plan"],
            schema=made["schema"],
            group_by=GROUP_FEATURE,
        )
        for way in ("in process", "Beam")
    )
    assert_equal(numbers(ours), numbers(theirs))
    whole = Evaluation.read(ours).slices[0]
    assert whole.groups in range(90, 105) and whole.baseline and not whole.incomparable


@pytest.mark.parametrize("way", ["in process", "Beam"])
def test_a_metric_that_only_the_blessed_model_has_leaves_the_others_comparable(
    way: str, made: dict[str, Path], evaluate: Callable[..., Path]
) -> None:
    """On the left the new model calls no row positive, so it has no precision there."""
    folder = evaluate(
        made["examples"],
        made["binary"] / "new",
        "binary",
        baseline=made["binary"] / "against",
        way=way,
        slices=["side"],
        metrics=["precision", "accuracy"],
    )
    left = next(one for one in Evaluation.read(folder).slices if one.name == "side=left")
    assert left.candidate["precision"].value is left.change["precision"].value is None
    assert left.baseline["precision"].value
    assert left.change["accuracy"].value == pytest.approx(
        left.candidate["accuracy"].value - left.baseline["accuracy"].value
    )


@pytest.mark.parametrize(("task", "examples", "blessed"), CASES.values(), ids=CASES)
def test_both_ways_give_the_same_numbers_and_files(
    task: str, examples: str, blessed: str | None, made: dict[str, Path], evaluate: Callable[..., Path]
) -> None:
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as writer

    baseline = made[task] / blessed if blessed else None
    slices = ["country", "plan", ["country", "plan"]]
    ours, theirs = (
        evaluate(made[examples], made[task] / "new", task, baseline=baseline, way=way, slices=slices)
        for way in ("in process", "Beam")
    )
    assert_equal(numbers(ours), numbers(theirs))
    mine, other = (Evaluation.read(folder) for folder in (ours, theirs))
    assert (mine.way, other.way) == ("in process", "Beam")
    assert_equal(mine.as_json()["slices"], other.as_json()["slices"])
    whole = mine.slices[0]
    assert (whole.rows, whole.unlabelled, len(whole.references)) == (588, 12, 2)
    assert bool(whole.baseline) is (blessed is not None and examples == "examples")
    assert bool(whole.incomparable) is (examples == "without")
    assert any("日本" in one.name for one in mine.slices)
    for load in (writer.load_and_deserialize_plots, writer.load_and_deserialize_attributions):
        assert sorted(map(str, load(str(ours)))) == sorted(map(str, load(str(theirs))))
    assert tfma.load_validation_result(str(ours)) == tfma.load_validation_result(str(theirs))
    assert (ours / "eval_config.json").read_text() == (theirs / "eval_config.json").read_text()
    names = [
        {one.name.partition("-")[0] for one in folder.iterdir() if one.is_file()} for folder in (ours, theirs)
    ]
    assert names[0] == names[1]


def test_tfmas_notebooks_read_what_was_written_in_process(made, evaluate) -> None:
    import tensorflow_model_analysis as tfma

    folder = evaluate(
        made["examples"], made["binary"] / "new", "binary", baseline=made["binary"] / "old", slices=["plan"]
    )
    results = tfma.load_eval_results([str(folder)], model_name="candidate").get_results()
    assert len(results) == 1
    overall = results[0].get_metrics_for_slice()
    whole = Evaluation.read(folder).slices[0]
    assert overall["auc"]["boundedValue"]["value"] == whole.candidate["auc"].value


def test_batches_of_any_size_give_the_same_numbers(made, evaluate, monkeypatch) -> None:
    from components import in_process

    def evaluated() -> Any:
        return evaluate(made["examples"], made["multiclass"] / "new", "multiclass")

    whole = numbers(evaluated())
    monkeypatch.setattr(in_process.batches, "__defaults__", (7,))
    assert_equal(numbers(evaluated()), whole)
    assert not any(math.isnan(value[1]) for value in whole.values())


def test_an_evaluation_without_its_result_file_is_read_from_tfmas(made, evaluate) -> None:
    """That is how version 0.5.0 left it."""
    from components.evaluation_gate.measurements import read_evaluation

    folder = evaluate(
        made["examples"], made["binary"] / "new", "binary", baseline=made["binary"] / "old", slices=["plan"]
    )
    told = read_evaluation(str(folder))
    (folder / "evaluation.json").unlink()
    assert repr(read_evaluation(str(folder))) == repr(told)  # equal to the last digit; NaN has no equal
    (folder / "metrics-00000-of-00001.tfrecord").unlink()
    with pytest.raises(DataError, match="metrics of at least one slice"):
        read_evaluation(str(folder))


def test_a_split_without_rows_leaves_readable_files_and_no_slice(made, evaluate, tmp_path) -> None:
    import tensorflow_model_analysis as tfma

    write_examples(tmp_path / "none", [])
    folder = evaluate(tmp_path / "none", made["binary"] / "new", "binary", baseline=made["binary"] / "old")
    assert Evaluation.read(folder).slices == ()
    assert list(tfma.load_metrics(str(folder))) == []
    assert not tfma.load_validation_result(str(folder)).validation_ok


def test_a_damaged_shard_is_named_and_nothing_written(made, data, evaluate, tmp_path) -> None:
    write_examples(tmp_path / "cut", rows_of({k: v[:50] for k, v in data.items()}))
    shard = next((tmp_path / "cut" / "Split-test").iterdir())
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(DataError, match=shard.name):
        evaluate(tmp_path / "cut", made["binary"] / "new", "binary", into=tmp_path / "evaluation")
    assert not (tmp_path / "evaluation").exists()
