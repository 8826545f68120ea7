"""Vocabularies: requested by transformations, counted together in one analyzer, looked up for ids.

TFT's own vocabulary analyzer costs about a dozen Beam stages per vocabulary; here all share one count.
"""

from __future__ import annotations

import contextlib
import heapq
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.beam.experimental import PTransformAnalyzer

Counted = tuple[tuple[int, bytes], int]
Kept = list[list[tuple[int, bytes]]]

MOST_WORDS = 1_000_000
"""Most words kept in a vocabulary without ``top_k``."""

NO_WORDS = b"\x1fno words"
"""The only line of a vocabulary without words, because a lookup table cannot be empty."""


@dataclass(frozen=True)
class VocabularyRequest:
    """One requested vocabulary.

    Args:
        name: Name of the output and of the vocabulary file.
        words: Text ``[batch]`` with ``""`` for missing, or a sparse ``[batch, width]``.
        top_k: Number of words to keep.
        min_count: How often a word must occur.
        oov_buckets: Number of ids shared by unknown words; with 0 their id is -1.
    """

    name: str
    words: tf.Tensor | tf.SparseTensor
    top_k: int
    min_count: int
    oov_buckets: int

    @property
    def values(self) -> tf.Tensor:
        """The words, without row positions."""
        return self.words.values if isinstance(self.words, tf.SparseTensor) else self.words


def build_vocabularies(requests: Sequence[VocabularyRequest]) -> dict[str, tf.Tensor]:
    """Returns name → the vocabulary's future file: one word per line, by descending frequency, then by word."""
    if not requests:
        return {}
    limits = tuple((request.name, request.top_k, request.min_count) for request in requests)
    files = tft.experimental.ptransform_analyzer(
        [request.values for request in requests],
        WriteVocabularies(limits),
        output_dtypes=[tf.string] * len(requests),
        output_shapes=[[]] * len(requests),
        output_asset_default_values=[NO_WORDS] * len(requests),
        name="vocabularies",
    )
    for request in requests:
        tft.annotate_asset(request.name, request.name)
    return {request.name: file for request, file in zip(requests, files, strict=True)}


class WriteVocabularies(PTransformAnalyzer):
    """Counts the words of several columns and writes the most frequent of each into a file.

    Args:
        limits: For each column its file's name, the number of words to keep, and how often a word must occur.
    """

    def __init__(self, limits: tuple[tuple[str, int, int], ...]) -> None:
        super().__init__()
        self._limits = limits

    def expand(self, batches: beam.PCollection) -> tuple[beam.PCollection, ...]:
        """Turns batches (tuples with one array per column) into one PCollection per file path."""
        tags = [str(index) for index in range(len(self._limits))]
        written = (
            batches
            | "CountInBatch" >> beam.FlatMap(count_words)
            | "SumCounts" >> beam.CombinePerKey(sum)
            | "KeepMostFrequent" >> beam.CombineGlobally(MostFrequent(self._limits)).without_defaults()
            | "WriteFiles" >> beam.ParDo(_WriteFiles(self._limits, self.base_temp_dir)).with_outputs(*tags)
        )
        return tuple(written[tag] for tag in tags)


def count_words(columns: Sequence[np.ndarray]) -> Iterator[Counted]:
    """Counts the words of one batch; every column emits at least the empty word so that each has a result."""
    for index, words in enumerate(columns):
        yield (index, b""), 0
        for word, count in Counter(np.ravel(words).tolist()).items():
            if word and b"\n" not in word and b"\r" not in word:
                yield (index, word), count


class MostFrequent(beam.CombineFn):
    """Keeps each column's most frequent words; the accumulator never holds many more than that."""

    def __init__(self, limits: tuple[tuple[str, int, int], ...]) -> None:
        self._limits = limits

    def create_accumulator(self) -> Kept:
        """Starts without words."""
        return [[] for _ in self._limits]

    def add_input(self, kept: Kept, counted: Counted) -> Kept:
        """Adds one counted word."""
        (index, word), count = counted
        _, top_k, min_count = self._limits[index]
        if word and count >= min_count:
            kept[index].append((-count, word))
            if len(kept[index]) > 2 * top_k + 1000:
                kept[index] = heapq.nsmallest(top_k, kept[index])
        return kept

    def merge_accumulators(self, several: Iterable[Kept]) -> Kept:
        """Merges the words of several workers."""
        merged = self.create_accumulator()
        for kept in several:
            merged = [a + b for a, b in zip(merged, kept, strict=True)]
        return self.compact(merged)

    def compact(self, kept: Kept) -> Kept:
        """Drops words that cannot be among the most frequent."""
        return [
            heapq.nsmallest(top_k, words) for words, (_, top_k, _) in zip(kept, self._limits, strict=True)
        ]

    def extract_output(self, kept: Kept) -> list[list[bytes]]:
        """Returns each column's words, most frequent first."""
        return [[word for _, word in words] for words in self.compact(kept)]


class _WriteFiles(beam.DoFn):
    def __init__(self, limits: tuple[tuple[str, int, int], ...], folder: str) -> None:
        self._limits, self._folder = limits, folder

    def process(self, columns: list[list[bytes]]) -> Iterator[beam.pvalue.TaggedOutput]:
        tf.io.gfile.makedirs(self._folder)
        for index, (words, (name, _, _)) in enumerate(zip(columns, self._limits, strict=True)):
            path = os.path.join(self._folder, name)
            with tf.io.gfile.GFile(path, "wb") as file:
                file.write(b"".join(word + b"\n" for word in words or [NO_WORDS]))
            yield beam.pvalue.TaggedOutput(str(index), np.array(path.encode(), object))


def lookup(request: VocabularyRequest, filename: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Looks up the words of a request in its vocabulary.

    Returns:
        int64 ids of ``request.values``, and the number of ids (including those for unknown words).
    """
    sizes: list[tf.Tensor] = []

    def ids_of(words: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        table, size = _table(file, request.oov_buckets)
        sizes.append(size)
        return table.lookup(words), size

    ids = tft.apply_vocabulary(
        request.values, filename, num_oov_buckets=request.oov_buckets, lookup_fn=ids_of
    )
    return ids, sizes[0]


def _table(
    file: tf.Tensor, oov_buckets: int
) -> tuple[tf.lookup.StaticHashTable | tf.lookup.StaticVocabularyTable, tf.Tensor]:
    """Makes the table; once the file exists, outside the traced graph, so that it is filled once and not on each call."""
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
