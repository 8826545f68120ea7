"""Numbers, times and counts in readable form."""

from __future__ import annotations

import math

import pytest

from pipeline.report import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (math.nan, "–"), (math.inf, "∞"), (0.0, "0"), (12345.0, "12,345"), (0.81234567, "0.8123"),
     (-3.14159, "−3.142"), (1.3e8, "1.300e8"), (0.000012, "1.200e-5")],
    ids=str,
)  # fmt: skip
def test_number(value, shown):
    assert text.number(value) == shown.replace("e-5", "e−5")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0%"),
        (0.0002, "<0.1%"),
        (0.102, "10.2%"),
        (11_996 / 12_000, ">99.9%"),
        (0.9994, "99.9%"),
        (1.0, "100%"),
    ],
    ids=str,
)
def test_only_nothing_reads_nothing_and_only_everything_everything(value, shown):
    assert text.share(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (9.96, "10 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7260, "2 h 01 min"),
    ],
    ids=str,
)
def test_duration(seconds, shown):
    assert text.duration(seconds) == shown


def test_words_know_acronyms():
    assert [text.words(w) for w in ("auc", "val_auc", "log_loss", "top_3_accuracy")] == [
        "AUC", "validation AUC", "log loss", "top 3 accuracy",
    ]  # fmt: skip
