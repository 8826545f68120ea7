"""The ``features`` slice: short forms, names, refusals."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.transform.config import FeaturesConfig, output_name
from components.transform.transformations.date_parts import DATE_PART_SIZES


@pytest.mark.parametrize(
    ("short", "kind"),
    [("zscore", "zscore"), ({"vocabulary": 5}, "vocabulary"), ("text", "text"), ({"buckets": 3}, "buckets")],
    ids=str,
)
def test_short_forms(short: object, kind: str) -> None:
    assert [t.kind for t in FeaturesConfig.model_validate({"x": short}).declared["x"]] == [kind]


def test_several_transformations_of_one_field() -> None:
    declared = FeaturesConfig.model_validate({"x": ["zscore", {"buckets": 3}]}).declared["x"]
    assert [output_name("x", t.kind) for t in declared] == ["x_zscore", "x_buckets"]


def test_declared_features_survive_the_trip_into_the_component() -> None:
    features = FeaturesConfig.model_validate(
        {"x": {"cross": {"with": ["y"]}}, "z": {"date_parts": ["month"]}}
    )
    dumped = features.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert FeaturesConfig.model_validate(dumped) == features


def test_two_transformations_in_one_mapping_are_refused() -> None:
    with pytest.raises(ValidationError, match="exactly one transformation"):
        FeaturesConfig.model_validate({"x": {"zscore": True, "buckets": 3}})


def test_every_date_part_has_an_id_for_missing() -> None:
    assert DATE_PART_SIZES["hour"] == 24 + 1 and DATE_PART_SIZES["month"] == 12 + 1
