"""Features that are known to leak are named with what tells the label; features that are known to be honest are not."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.stats import norm

from components.validation_gate.leakage.search import find_leaks

ROWS = 1500
WORDS = [a + b + c for a in "bdfklmn" for b in ("a", "e", "oo", "ea") for c in ("p", "rt", "st", "nting")]
START, DAY = 1_700_000_000_000, 86_400_000


def column(values):
    return [value if isinstance(value, list) or value is None else [value] for value in values]


def of_auc(y, rng, auc):
    return column((y * np.sqrt(2) * norm.ppf(auc) + rng.normal(size=len(y))).tolist())


def binary(positives=ROWS // 2, seed=1):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(ROWS) < positives).astype(int)
    moments = START + np.sort(rng.integers(0, 300 * DAY, ROWS))
    rows = {
        "label": column(y.tolist()),
        "at": column(moments.tolist()),
        "_id": column([f"{v:024x}" for v in range(ROWS)]),
        "age": [[float(v)] if i % 5 else None for i, v in enumerate(rng.normal(size=ROWS))],
        "good": of_auc(y, rng, 0.97),
        "user": column([f"u{v}" for v in rng.integers(0, 500, ROWS)]),
        "topics": [rng.choice(WORDS[:9], 2).tolist() for _ in range(ROWS)],
        "note": column([" ".join(rng.choice(WORDS, 12)) for _ in range(ROWS)]),
        "before": column((moments - rng.integers(1, 400, ROWS) * DAY).tolist()),
    }
    return rng, y, moments, rows


def leaks(rows, task="binary", positive=None, limit=0.99):
    return {each.feature: each.seen for each in find_leaks(rows, "label", task, positive, limit, "at")}


def flipped(y, rng):
    return np.where(rng.random(len(y)) < 0.01, 1 - y, y)


def shifted(y, moments, rng):
    return moments + np.where(y, 1, -1) * rng.integers(1, 30, len(y)) * DAY


LEAKS = {
    "copy": (lambda y, m, r: y.tolist(), "its size"),
    "flips": (lambda y, m, r: flipped(y, r).tolist(), "its size"),
    "flips as text": (lambda y, m, r: np.array(["open", "shut"])[flipped(y, r)].tolist(), "its values"),
    "prefix": (lambda y, m, r: [f"{'AB'[v]}-{r.integers(10**6)}" for v in y], "its first character"),
    "ending": (lambda y, m, r: [f"{r.integers(10**6)}{'xy'[v]}" for v in y], "its"),
    "digit": (lambda y, m, r: (r.integers(10**6, size=len(y)) * 10 + 3 + 4 * y).tolist(), "its last digit"),
    "middle": (
        lambda y, m, r: np.where(y, r.uniform(-1, 1, len(y)), r.choice([-3, 3], len(y))).tolist(),
        "its size",
    ),
    "codes": (lambda y, m, r: (r.integers(0, 150, len(y)) * 7919 % 150 * 2 + y).tolist(), "its"),
    "array": (lambda y, m, r: [[*r.normal(size=3).tolist(), float(v)] for v in y], "its last number"),
    "word": (
        lambda y, m, r: [
            " ".join([*r.choice(WORDS, r.integers(3, 12)), *["refunded"] * v, "end"]) for v in y
        ],
        "its words",
    ),
    "date as text": (
        lambda y, m, r: [str(np.datetime64(int(v), "ms")) for v in shifted(y, m, r)],
        "its distance to the moment of the prediction",
    ),
    "seconds": (
        lambda y, m, r: (shifted(y, m, r) // 1000).tolist(),
        "its distance to the moment of the prediction",
    ),
    "presence": (lambda y, m, r: [["gone"] if v else None for v in y], "its presence"),
    "items": (lambda y, m, r: [["x"] * (1 + v) for v in y], "its number of items"),
    "length": (
        lambda y, m, r: ["".join(r.choice(list("abc"), v * 20 + r.integers(1, 15))) for v in y],
        "its length",
    ),
    "number as text": (lambda y, m, r: [f"{v * 3 + r.uniform(0, 2):.3f}" for v in y], "its"),
    "hash": (lambda y, m, r: [hashlib.md5(f"salt{v}".encode()).hexdigest() for v in y], "its values"),
    "two together": (
        lambda y, m, r: [
            f"{'ab'[k]}{'xyz'[r.integers(3)]}{'01'[k ^ v]}"
            for v, k in zip(y, r.integers(0, 2, len(y)), strict=True)
        ],
        "its",
    ),
}


@pytest.mark.parametrize("positives", [ROWS // 2, 30, 15], ids=["half", "2%", "15 rows"])
@pytest.mark.parametrize("kind", LEAKS)
def test_a_leaking_feature_is_named_with_what_tells_the_label(kind, positives):
    if positives < ROWS // 2 and kind in ("codes", "middle"):
        pytest.skip("so few rows do not show it")
    rng, y, moments, rows = binary(positives)
    make, view = LEAKS[kind]
    rows["leak"] = column(make(y, moments, rng))
    found = leaks(rows)
    assert set(found) == {"leak"}
    assert f"by {view}" in found["leak"]
    assert "95% interval" in found["leak"] and "of the rarer class" in found["leak"]


@pytest.mark.parametrize("positives", [ROWS // 2, 30])
@pytest.mark.parametrize("seed", range(4))
def test_honest_features_up_to_an_auc_of_98_raise_nothing(seed, positives):
    rng, y, _, rows = binary(positives, seed)
    rows = {name: rows[name] for name in ("label", "at", "age", "user")}
    rows |= {f"good {auc}": of_auc(y, rng, auc) for auc in (0.9, 0.95, 0.97, 0.98)}
    assert leaks(rows) == {}


def test_a_feature_above_the_limit_is_named_by_its_order_and_the_limit_is_the_documents():
    rng, y, _, rows = binary()
    rows["score"] = of_auc(y, rng, 0.996)
    assert set(leaks(rows)) == {"score"}
    assert set(leaks(rows, limit=0.95)) == {"score", "good"}


def test_too_few_rows_of_a_class_are_not_judged():
    _, y, _, rows = binary(positives=4)
    assert leaks(rows | {"copy": column(y.tolist())}) == {}


def test_positive_value_of_a_text_label():
    _, y, _, rows = binary()
    rows["label"] = column(["yes" if v else "no" for v in y])
    rows["leak"] = column((1.0 - y).tolist())
    assert set(leaks(rows, positive="yes")) == {"leak"}


def several(seed=0, n=800):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    rows = {"label": column([f"class {v}" for v in y])}
    for name, size in (("length", 6.0), ("width", 5.0), ("depth", 1.0)):
        # The last class is easy to tell, by two features alike, the others are not.
        rows[name] = column(((y == 3) * size + rng.normal(size=n) * 0.8 + 0.3 * y).tolist())
    return rng, y, rows


def test_a_class_that_is_easy_to_tell_is_no_leak():
    for seed in range(2):
        assert leaks(several(seed)[2], "multiclass") == {}


def test_the_class_that_a_feature_gives_away_is_named():
    _, y, rows = several()
    rows["only"] = column([["x"] if v == 1 else None for v in y])
    found = leaks(rows, "multiclass")
    assert set(found) == {"only"}
    assert "class 'class 1'" in found["only"] and "by its presence" in found["only"]
    assert "all other features together explain" in found["only"]


def test_two_features_that_leak_the_same_class_are_both_named():
    _, y, rows = several()
    rows["only"], rows["reason"] = column((y == 1).tolist()), column([f"r{int(v == 1)}" for v in y])
    assert set(leaks(rows, "multiclass")) == {"only", "reason"}


@pytest.mark.parametrize("flips", [0.0, 0.05])
def test_a_feature_that_defines_the_label_is_named_once(flips):
    rng, y, rows = several()
    wrong = rng.random(len(y)) < flips
    rows["score"] = column(
        (np.where(wrong, rng.integers(0, 4, len(y)), y * 7 % 4) * 10 + rng.uniform(0, 9, len(y))).tolist()
    )
    found = leaks(rows, "multiclass")
    assert set(found) == {"score"}
    assert "of the label explained by its size" in found["score"]


@pytest.mark.parametrize("name", ["iris", "wine", "digits"])
def test_ordinary_data_of_several_classes_raises_nothing(name):
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    rows = {"label": column(map(str, data.target))}
    rows |= {str(each): column(data.data[:, i].tolist()) for i, each in enumerate(data.feature_names)}
    assert leaks(rows, "multiclass") == {}


def regression():
    rng = np.random.default_rng(2)
    y = np.exp(rng.normal(size=ROWS))
    noise = rng.normal(size=ROWS)
    honest = {
        f"r {r}": column((r * np.log(y) + np.sqrt(1 - r * r) * noise).tolist()) for r in (0.9, 0.97, 0.98)
    }
    return rng, y, {"label": column(y.tolist()), **honest}


NUMBERS = {
    "copy": (lambda y, r: -(y**3), "rank correlation with the label"),
    "1% wrong": (lambda y, r: np.where(r.random(ROWS) < 0.01, r.permutation(y), y), "nine labels in ten"),
    "not monotone": (
        lambda y, r: np.where(y > 1, y, -1 - y) * np.where(y > 1, 1, 1000),
        "nine labels in ten",
    ),
    "classes": (lambda y, r: np.array([f"c{v}" for v in np.argsort(np.argsort(y)) // 30]), "by its values"),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_feature_that_tells_a_number_is_named(kind):
    rng, y, rows = regression()
    make, said = NUMBERS[kind]
    rows["leak"] = column(make(y, rng).tolist())
    found = leaks(rows, "regression")
    assert set(found) == {"leak"}
    assert said in found["leak"]
