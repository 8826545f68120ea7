"""Vocabularies: asked for by several transformations, written by Transform, looked up by id."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_transform as tft


@dataclass(frozen=True)
class VocabularyRequest:
    """One vocabulary: whose words, how many are kept.

    Args:
        name: Name of the output and of the vocabulary file.
        words: Sparse text ``[batch, width]``.
        top_k: How many words are kept; None keeps all.
        min_count: How often a word has to occur.
        oov_buckets: How many ids unknown words share; 0 gives them -1.
    """

    name: str
    words: tf.SparseTensor
    top_k: int | None
    min_count: int
    oov_buckets: int


def build_vocabularies(requests: Sequence[VocabularyRequest]) -> dict[str, tf.Tensor]:
    """Returns name → the file that will hold the vocabulary, one word a line, the most frequent first."""
    files = {}
    for request in requests:
        threshold = request.min_count if request.min_count > 1 else None
        words = request.words.values
        files[request.name] = tft.vocabulary(
            words, top_k=request.top_k, frequency_threshold=threshold, vocab_filename=request.name
        )
    return files


def lookup(request: VocabularyRequest, filename: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Looks the words of a request up in its vocabulary.

    Returns:
        int64 ids of ``request.words.values``, and how many ids there are (those of unknown words included).
    """
    sizes: list[tf.Tensor] = []

    def ids_of(words: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        table, size = _table(file, request.oov_buckets)
        sizes.append(size)
        return table.lookup(words), size

    ids = tft.apply_vocabulary(
        request.words.values, filename, num_oov_buckets=request.oov_buckets, lookup_fn=ids_of
    )
    return ids, sizes[0]


def _table(
    file: tf.Tensor, oov_buckets: int
) -> tuple[tf.lookup.StaticHashTable | tf.lookup.StaticVocabularyTable, tf.Tensor]:
    """Makes the table; outside the traced graph once the file is there, so that it is filled once and not a call."""
    known = tf.inside_function() and not tf.is_symbolic_tensor(file)
    with tf.init_scope() if known else contextlib.nullcontext():
        initializer = tf.lookup.TextFileInitializer(
            file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        if oov_buckets:
            table = tf.lookup.StaticVocabularyTable(initializer, oov_buckets)
        else:
            table = tf.lookup.StaticHashTable(initializer, default_value=-1)
        return table, table.size()
