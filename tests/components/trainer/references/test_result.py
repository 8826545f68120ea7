"""What a person is told about the limits of a comparison with the simple models."""

from __future__ import annotations

from components.trainer.result import ReferencesResult, TrainingHistory


def said(references: ReferencesResult | None, **train: object) -> str:
    return "; ".join(
        TrainingHistory((), rows={"train": 100}, references=references, train=train).about_references
    )


def test_a_plain_fit_needs_no_words_nor_does_a_run_without_references() -> None:
    assert said(ReferencesResult((0.5,), rows=100, converged=True), class_weights=None) == ""
    assert said(None) == ""


def test_each_limit_is_said() -> None:
    limits = said(
        ReferencesResult((0.5,), rows=50, converged=False, not_finite=("age",)), class_weights="balanced"
    )
    for part in (
        "50 of 100 train rows",
        "converged",
        "NaN and infinity as the mean, in age",
        "class_weights",
    ):
        assert part in limits


def test_a_failed_fit_says_why() -> None:
    assert said(ReferencesResult((0.5,), problem="ValueError: one class")) == (
        "no linear baseline could be fitted (ValueError: one class)"
    )
