"""``data.privacy`` and special splits in the document: what loads, and what contradicts the rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.mongo_example_gen.config import milliseconds
from pipeline.document.loader import LoadedSpec

CASES = [
    ("data.privacy.rules.bioo=hash", "no field provides 'bioo'; did you mean 'bio'"),
    ("data.privacy.rules.retained=hash", "the label must stay what the model predicts"),
    ("data.privacy.rules._id=drop", "_id tells rows apart"),
    ("data.privacy.rules.country=drop", "'country' is dropped by data.privacy"),
    ("data.privacy.rules.lessons={truncate: 3}", "truncate: 3 is for text; seen: lessons declared as int"),
    ("data.privacy.rules.lessons=hash", "features.lessons"),
    ("data.privacy.rules.minutes=hash", "hash is for text or a whole number"),
    ("data.privacy.rules.bio={generalise: month}", "generalise: month is for a date"),
    ("data.privacy.rules.bio={hash: true, drop: true}", "give one of drop, hash, truncate, generalise"),
    ("data.privacy.rules.minutes={generalise: [3, 1]}", "give the bounds in rising order"),
    ("data.privacy.quasi_identifiers=[contry]", "did you mean 'country'"),
    ("data.privacy.quasi_identifiers=[_id]", "makes every document a group of one"),
    (
        "data.split.by_time={field: seen_at, train_before: 2024-02-01, test_from: 2024-01-01}",
        "test_from must be",
    ),
    ("data.split.by_time={field: seen_at, train_before: soon, test_from: 2024-01-01}", "give a date such as"),
]


@pytest.mark.parametrize(("override", "message"), CASES, ids=[case[0][:50] for case in CASES])
def test_a_contradiction_is_named(errors_with: Callable[..., str], override: str, message: str) -> None:
    assert message in errors_with(override)


def test_strata_and_windows_exclude_each_other(errors_with: Callable[..., str]) -> None:
    assert "a key in two spans" in errors_with("data.split.stratify=retained", "data.window=2")
    assert "data.mongo_export has none" in errors_with("data.mongo_export=exports/a.jsonl", "data.window=2")


def test_rules_in_all_their_forms_load(load_with: Callable[..., LoadedSpec]) -> None:
    loaded = load_with(
        "data.privacy.rules={bio: drop, seen_at: {generalise: month}, _id: hash, lessons: {generalise: 10}}",
        "data.privacy.quasi_identifiers=[country, lessons]",
    )
    policy = loaded.spec.data.privacy
    assert {name: rule.name for name, rule in policy.rules.items()} == {
        "bio": "drop",
        "seen_at": "generalise: month",
        "_id": "hash",
        "lessons": "generalise: 10",
    }
    assert policy.needs_key and policy.dropped == {"bio"}


def test_times_without_a_zone_are_utc() -> None:
    assert milliseconds("1970-01-02") == milliseconds("1970-01-02T01:00:00+01:00") == 86_400_000
