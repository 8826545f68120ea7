"""Every declared transformation on known rows, through Transform's saved graph."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def transform(trained: SimpleNamespace, learners: SimpleNamespace) -> Any:
    """Applies the graph to documents."""
    import tensorflow as tf

    from components.trainer.transform_graph import TransformGraph

    graph = TransformGraph(trained.graph, "retained")

    def apply(*documents: dict[str, Any]) -> dict[str, np.ndarray]:
        serialized = tf.constant([learners.serialize(document) for document in documents])
        return {
            name: tensor.numpy()
            for name, tensor in graph.apply(graph.parse(serialized, with_label=True)).items()
        }

    return apply


@pytest.fixture(scope="module")
def train(learners: SimpleNamespace) -> Any:
    """Returns the present values of a field in the train split."""
    return lambda name: np.array([d[name] for d in learners.documents["train"] if name in d], np.float64)


def test_zscore_uses_present_values_only(transform, train) -> None:
    lessons = train("lessons")
    given = transform({"lessons": 12}, {})["lessons_zscore"]
    assert given[0] == pytest.approx((12 - lessons.mean()) / lessons.std(), abs=1e-5)
    assert given[1] == 0


def test_log_zscore_takes_negative_as_zero(transform, train) -> None:
    logs = np.log1p(train("lessons"))
    given = transform({"lessons": 9}, {"lessons": -3}, {"lessons": 0}, {})["lessons_log_zscore"]
    assert given[0] == pytest.approx((math.log(10) - logs.mean()) / logs.std(), abs=1e-5)
    assert given[1] == given[2]
    assert given[3] == 0


def test_scale_0_1_spans_the_train_split_and_beyond(transform, train) -> None:
    minutes = train("minutes").astype(np.float32)
    low, high = float(minutes.min()), float(minutes.max())
    given = transform({"minutes": low}, {"minutes": high}, {"minutes": 2 * high - low}, {})[
        "minutes_scale_0_1"
    ]
    np.testing.assert_allclose(given, [0, 1, 2, 0], atol=1e-6)


def test_identity_and_missing(transform) -> None:
    given = transform({"minutes": 2.5, "lessons": 0}, {})
    assert given["minutes_identity"].tolist() == [2.5, 0]
    assert given["lessons_missing"].tolist() == [0, 1]


def test_buckets_hold_equal_shares_and_0_is_missing(transform, train) -> None:
    ids = transform(*[{"minutes": float(value)} for value in train("minutes")], {})["minutes_buckets"]
    assert ids[-1] == 0
    shares = np.bincount(ids[:-1], minlength=5)[1:] / (len(ids) - 1)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_constant_columns_become_zero(transform) -> None:
    given = transform({"constant": 7}, {})
    assert given["constant_zscore"].tolist() == [0, 0]
    assert given["constant_scale_0_1"].tolist() == [0, 0]


def test_vocabulary_is_by_frequency_with_missing_first_and_unknown_last(transform) -> None:
    rows = [
        {},
        {"country": "de"},
        {"country": "fr"},
        {"country": "never seen"},
        {"country": "it"},
        {"country": "ch"},
    ]
    ids = transform(*rows)["country_vocabulary"].tolist()
    assert ids[:3] == [0, 1, 2]
    assert ids[3] in (4, 5)
    assert sum(i <= 3 for i in ids[4:]) == 1


def test_integers_given_to_a_vocabulary_become_text(transform) -> None:
    ids = transform({"level": 1}, {"level": 6}, {"level": 77}, {})["level_vocabulary"]
    assert 0 < ids[0] < 7 and 0 < ids[1] < 7 and ids[0] != ids[1]
    assert ids[2] == 7
    assert ids[3] == 0


def test_a_field_that_is_always_missing_gives_one_empty_vocabulary(transform) -> None:
    assert transform({}, {"never": "now"})["never_vocabulary"].tolist() == [0, 2]


def test_hash_and_cross_have_a_separate_id_for_missing(transform) -> None:
    given = transform({"device": "ios", "country": "de"}, {"device": "ios"}, {"country": "de"}, {})
    assert given["device_hash"][0] == given["device_hash"][1] > 0
    assert given["device_hash"][2] == given["device_hash"][3] == 0
    assert (given["device_cross"][:3] > 0).all() and given["device_cross"][3] == 0
    assert len(set(given["device_cross"][:3].tolist())) > 1


@pytest.mark.parametrize(
    ("moment", "parts"),
    [
        (0, (1, 1, 1, 4, 1)),
        (-1, (1, 12, 31, 3, 24)),
        (951782400000, (31, 2, 29, 2, 1)),
        (1704067199000, (54, 12, 31, 7, 24)),
    ],
    ids=["epoch", "before epoch", "leap day", "last second of 2023"],
)
def test_date_parts(transform, moment: int, parts: tuple[int, ...]) -> None:
    given = transform({"signup_at": moment}, {})
    names = ["year", "month", "day", "day_of_week", "hour"]
    assert tuple(given[f"signup_at_{part}"][0] for part in names) == parts
    assert {given[f"signup_at_{part}"][1] for part in names} == {0}


def test_text_is_lower_cased_and_split_and_counted_once(transform) -> None:
    bags = transform({"bio": "LOVE!! love,love"}, {"bio": "I LOVE español"}, {"bio": "zzz"}, {})["bio_text"]
    assert bags.shape == (4, 7)
    assert bags.sum(axis=1).tolist() == [1, 3, 1, 0]
    assert bags[2, 6] == 1


def test_bag_and_count(transform, learners) -> None:
    given = transform({"topics": ["food", "art", "food"]}, {"topics": ["never seen"]}, {"topics": []}, {})
    assert given["topics_bag"].sum(axis=1).tolist() == [2, 1, 0, 0]
    counts = np.array([len(d.get("topics", [])) for d in learners.documents["train"]])
    expected = (np.array([3, 1, 0, 0]) - counts.mean()) / counts.std()
    np.testing.assert_allclose(given["topics_count"], expected, atol=1e-5)


def test_label_is_one_for_the_positive_value(transform) -> None:
    label = transform({"retained": 1}, {"retained": 0}, {})["retained"]
    assert label[:2].tolist() == [1, 0]
    assert math.isnan(label[2])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"country": "zscore"}, "features.country: zscore; expected a number; seen: text"),
        ({"minutes": {"hash": 5}}, "features.minutes: hash; expected text or integers; seen: floats"),
        ({"lessons": "text"}, "features.lessons: text; expected text"),
        ({"lesons": "zscore"}, "did you mean 'lessons'"),
    ],
    ids=["text as number", "float as category", "number as text", "unknown field"],
)
def test_asking_for_more_than_the_data_has_is_a_clear_error(
    analyse, features: dict[str, Any], message: str
) -> None:
    from foundation.errors import SpecError

    with pytest.raises(SpecError, match=re.escape(message)):
        analyse(features)
