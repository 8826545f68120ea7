from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from components.evaluator import scores
from components.evaluator.metrics import metrics_of
from components.exports.groups import group_numbers


@pytest.fixture
def binary():
    rng = np.random.default_rng(3)
    labels = (rng.random(600) < 0.4).astype(float)
    predictions = np.clip(labels * 0.2 + rng.random(600) * 0.8, 0, 1).round(2)  # rounding makes ties
    return labels, predictions, rng.integers(0, 20, 600)


def measure(task, names, labels, predictions, groups):
    sums = scores.GroupSums.of(scores.row_columns(task, labels, predictions, names), groups)
    classes = [f"c{i}" for i in range(predictions.shape[1])] if task == "multiclass" else []
    ranked = (predictions, labels, groups) if task == "binary" else None
    return scores.metric_samples(task, list(names), sums, ranked, classes)


REFERENCES = {
    "auc": lambda y, p: sk.roc_auc_score(y, p),
    "auc_pr": lambda y, p: sk.average_precision_score(y, p),
    "accuracy": lambda y, p: sk.accuracy_score(y, p > 0.5),
    "precision": lambda y, p: sk.precision_score(y, p > 0.5),
    "recall": lambda y, p: sk.recall_score(y, p > 0.5),
    "f1": lambda y, p: sk.f1_score(y, p > 0.5),
    "log_loss": lambda y, p: sk.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7)),
    "calibration": lambda y, p: p.mean() / y.mean(),
    "mean_label": lambda y, p: y.mean(),
    "mean_prediction": lambda y, p: p.mean(),
}


@pytest.mark.parametrize("name", metrics_of("binary"))
def test_binary_metric_equals_its_reference_with_and_without_a_group(name, binary):
    labels, predictions, groups = binary
    sample = measure("binary", [name], *binary)[name]
    assert sample[0] == pytest.approx(REFERENCES[name](labels, predictions))
    without = [REFERENCES[name](labels[groups != g], predictions[groups != g]) for g in range(20)]
    assert sorted(sample[1:]) == pytest.approx(sorted(without))


def test_multiclass_metrics_equal_their_references():
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(5), 300)
    labels = rng.integers(0, 5, 300)
    found = measure("multiclass", metrics_of("multiclass"), labels, p, np.zeros(300, int))
    assert found["accuracy"][0] == pytest.approx(sk.accuracy_score(labels, p.argmax(1)))
    assert found["top_3_accuracy"][0] == pytest.approx(sk.top_k_accuracy_score(labels, p, k=3))
    assert found["log_loss"][0] == pytest.approx(sk.log_loss(labels, p, labels=range(5)))


def test_metrics_of_each_class_equal_their_references_with_and_without_a_group():
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.ones(4), 300)
    labels, groups = (
        np.where(rng.random(300) < 0.5, p.argmax(1), rng.integers(0, 4, 300)),
        rng.integers(0, 20, 300),
    )
    found = measure("multiclass", ["precision", "recall", "f1"], labels, p, groups)
    references = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    for name, reference in references.items():
        rest = groups != 4
        for place, rows in ((0, slice(None)), (1 + 4, rest)):
            each = reference(labels[rows], p.argmax(1)[rows], average=None)
            assert [found[f"{name}[c{i}]"][place] for i in range(4)] == pytest.approx(list(each))
            assert found[name][place] == pytest.approx(each.mean())


def test_a_class_that_is_neither_label_nor_predicted_has_no_value_and_no_part_in_the_mean():
    p = np.array([[0.8, 0.2, 0.0], [0.3, 0.7, 0.0], [0.9, 0.1, 0.0]])
    found = measure("multiclass", ["recall", "precision"], np.array([0, 1, 1]), p, np.arange(3))
    assert np.isnan(found["recall[c2]"][0]) and np.isnan(found["precision[c2]"][0])
    assert found["recall"][0] == pytest.approx(0.75)


def test_class_unknown_to_the_model_counts_as_wrong_and_costly():
    found = measure(
        "multiclass", metrics_of("multiclass"), np.array([-1]), np.array([[0.9, 0.1]]), np.zeros(1, int)
    )
    assert found["accuracy"][0] == found["top_3_accuracy"][0] == 0
    assert found["log_loss"][0] == pytest.approx(-np.log(1e-7))


def test_regression_metrics_equal_their_references():
    rng = np.random.default_rng(7)
    y, p = rng.normal(5, 1, 200), rng.normal(5, 1, 200)
    found = measure("regression", metrics_of("regression"), y, p, np.zeros(200, int))
    assert found["mse"][0] == pytest.approx(sk.mean_squared_error(y, p))
    assert found["rmse"][0] == pytest.approx(sk.mean_squared_error(y, p) ** 0.5)
    assert found["mae"][0] == pytest.approx(sk.mean_absolute_error(y, p))


@pytest.mark.parametrize("name", metrics_of("binary"))
def test_nan_prediction_makes_the_metric_nan(name):
    labels, predictions = np.array([0.0, 1.0]), np.array([0.2, np.nan])
    found = measure("binary", [name], labels, predictions, np.array([0, 1]))
    assert np.isnan(found[name][0]) == (name != "mean_label")


@pytest.mark.parametrize("name", ["auc", "auc_pr", "recall", "calibration"])
def test_metric_without_positives_has_no_value(name):
    found = measure("binary", [name], np.zeros(3), np.array([0.1, 0.2, 0.7]), np.arange(3))
    assert np.isnan(found[name][0])


def test_jackknife_error_of_a_mean_is_the_textbooks():
    y = (np.random.default_rng(11).random(800) < 0.3).astype(float)
    sample = measure("binary", ["mean_label"], y, y, np.arange(800))["mean_label"]
    error, freedom = scores.standard_error(sample)
    assert (error, freedom) == (pytest.approx(y.std(ddof=1) / 800**0.5), 799)


def test_one_group_gives_no_error():
    assert np.isnan(scores.standard_error(np.ones(2))[0])


def test_sums_by_group_add_up_whatever_the_batches():
    rng = np.random.default_rng(2)
    rows, groups = rng.normal(size=(500, 3)), rng.integers(0, 90, 500)
    whole = scores.GroupSums.of(rows, groups)
    parts = scores.GroupSums.of(rows[:120], groups[:120]) + scores.GroupSums.of(rows[120:], groups[120:])
    assert np.array_equal(whole.groups, parts.groups)
    assert np.allclose(whole.sums, parts.sums)


def test_groups_are_joined_into_blocks_of_about_one_size():
    groups = np.repeat(np.arange(300), np.random.default_rng(0).integers(1, 30, 300))
    total = scores.GroupSums.of(np.ones((len(groups), 1)), groups)
    sizes = np.bincount(total.blocks(), total.sums[:, 0])
    assert len(sizes) == scores.BLOCKS
    assert sizes.max() / sizes.min() < 1.1


def test_a_few_groups_are_each_a_block_of_their_own():
    total = scores.GroupSums.of(np.ones((12, 1)), np.arange(12))
    assert sorted(total.blocks()) == list(range(12))


@pytest.mark.parametrize("keys", [20, 500, 3000])
def test_keys_are_counted_from_the_numbers_of_their_groups(keys):
    numbers = group_numbers([f"user {i}" for i in range(keys)])
    assert scores.distinct(len(np.unique(numbers)), 10**6) == pytest.approx(keys, rel=0.06)
