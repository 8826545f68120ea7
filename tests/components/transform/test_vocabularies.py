"""Counting words: what is counted, which are kept, and how they stand in the file."""

from __future__ import annotations

import random

import pytest

pytestmark = pytest.mark.component


def test_empty_words_and_those_of_several_lines_are_not_counted() -> None:
    import numpy as np

    from components.transform.vocabularies import count_words

    keys = [
        b"0\x1f",
        b"0\x1fa",
        b"0\x1fa",
        b"1\x1fa",
        b"1\x1f\x1f",
        b"1\x1fa\nb",
        b"1\x1fa\r",
        b"2\x1f0\x1fa",
    ]
    counted = dict(count_words([np.array(keys, object)]))
    assert counted == {b"0\x1fa": 2, b"1\x1fa": 1, b"1\x1f\x1f": 1, b"2\x1f0\x1fa": 1}


def test_most_frequent_words_do_not_depend_on_how_they_are_added_up() -> None:
    from components.transform.transformations.base import Limits
    from components.transform.vocabularies import MostFrequent

    combine = MostFrequent([Limits(3, 1, 1), Limits(2, 5, 1)])
    counted = [(b"%d\x1fw%04d" % (column, word), 1 + word % 7) for column in (0, 1) for word in range(4000)]
    counted.append((b"0\x1fof\x1fit", 100))
    for seed in range(3):
        random.Random(seed).shuffle(counted)
        parts = [combine.create_accumulator() for _ in range(2)]
        for number, one in enumerate(counted):
            parts[number % 2] = combine.add_input(parts[number % 2], one)
        assert all(len(words) <= 2 * 3 + 1000 for part in parts for words in part)
        kept = combine.extract_output(combine.merge_accumulators(parts))
        assert kept == [[b"of\x1fit", b"w0006", b"w0013"], [b"w0006", b"w0013"]]


def test_a_column_without_words_has_one_that_nobody_means() -> None:
    from components.transform.vocabularies import _lines

    assert b"".join(_lines([[b"b", b"a"], []])) == b"0\x1f\n0\x1fb\n0\x1fa\n1\x1f\n1\x1f\x1fno words\n2\x1f\n"


def test_hash_is_that_of_tensorflow() -> None:
    import tensorflow as tf

    from components.transform.tensors import hash_into

    words = tf.constant([[b"", b"a", b"\xff\x00"], ["ä".encode(), b"0", b"x" * 100]])
    for buckets in (1, 2, 7, 1000, 2**40):
        given = hash_into(words, tf.constant(buckets, tf.int64))
        assert given.numpy().tolist() == tf.strings.to_hash_bucket_fast(words, buckets).numpy().tolist()
