"""``layout.json``: which column of which matrix is which feature."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.transform.config import FeaturesConfig
from components.transform.layout import Column, Layout, Vocabulary, make_layout, read_layout
from components.transform.steps import counted_steps, steps_of, used_fields
from foundation.errors import DataError

FEATURES = {
    "topics": [{"bag": {"top_k": 4, "oov_buckets": 2}}, "count"],
    "country": [{"vocabulary": 9}, {"cross": {"with": ["device"], "hash_buckets": 20}}],
    "signup_at": {"date_parts": ["month", "hour"]},
    "bio": {"text": 3},
}


def layout(label: str = "retained") -> Layout:
    steps = steps_of(FeaturesConfig.model_validate(FEATURES))
    words = {step.output: Vocabulary(10 * at + 1, 5) for at, step in enumerate(counted_steps(steps))}
    return make_layout(steps, label, words)


def test_columns_are_sorted_by_name_with_their_sizes_and_words() -> None:
    assert layout().columns == (
        Column("bio_text", "bag", 4, 0, 1, 5),
        Column("country_cross", "id", 21),
        Column("country_vocabulary", "id", 7, 1, 11, 5),
        Column("signup_at_hour", "id", 25),
        Column("signup_at_month", "id", 13),
        Column("topics_bag", "bag", 6, 0, 21, 5),
        Column("topics_count", "number", 1),
    )


def test_fields_of_crosses_are_used_too() -> None:
    steps = steps_of(FeaturesConfig.model_validate(FEATURES))
    assert used_fields(steps) == ["bio", "country", "device", "signup_at", "topics"]


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("retained", {"number": "numbers", "id": "ids", "bag": "bags"}),
        ("ids", {"number": "numbers", "id": "ids_of_features", "bag": "bags"}),
    ],
)
def test_no_matrix_has_the_name_of_the_label(label: str, names: dict[str, str]) -> None:
    assert layout(label).matrices == names


def test_a_matrix_without_columns_is_not_there() -> None:
    alone = make_layout(steps_of(FeaturesConfig.model_validate({"n": "zscore"})), "y", {})
    assert alone.matrices == {"number": "numbers"}
    assert alone.vocabulary == ""


def test_a_graph_without_layout_has_outputs_of_its_own(tmp_path: Path) -> None:
    assert read_layout(tmp_path) is None


def test_a_written_layout_is_read(tmp_path: Path) -> None:
    layout().write(tmp_path)
    assert read_layout(str(tmp_path)) == layout()


def test_a_damaged_layout_is_an_error(tmp_path: Path) -> None:
    (tmp_path / Layout.FILE).write_text('{"format": 1, "matrices": {"word": "words"}, "columns": []}')
    with pytest.raises(DataError, match=r"layout .*layout\.json"):
        read_layout(tmp_path)
