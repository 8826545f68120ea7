"""Vocabularies: the words of all features counted by one analyzer, in one file, looked up in one table.

In the file each column's words follow a line of its own; every line begins with the number of the column, so that the
same word in two columns is two lines. The values of a multi-class label have a file to themselves, for other readers.
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

from components.transform.fields import Words
from components.transform.layout import NO_WORDS, SEPARATOR, VOCABULARIES
from components.transform.tensors import hash_into
from components.transform.transformations.base import Limits

Counted = tuple[bytes, int]
Kept = list[list[tuple[int, bytes]]]

LABEL_VOCABULARY = "label"
"""File of a multi-class label's values, most frequent first; the line number is the id."""
MOST_WORDS = 1_000_000
"""Most classes of a label."""


@dataclass(frozen=True)
class WordFiles:
    """The future vocabulary files.

    Attributes:
        features: The words of all columns; None without any.
        label: The label's values; None unless the task is multi-class.
    """

    features: tf.Tensor | None
    label: tf.Tensor | None


@dataclass(frozen=True)
class WordColumns:
    """The words of all columns that need a vocabulary.

    Attributes:
        words: The words, whose ``fields`` are numbers of columns.
        limits: How many words each column keeps.
    """

    words: Words
    limits: tuple[Limits, ...]

    @property
    def keys(self) -> tf.Tensor:
        """The words as they stand in the file: string ``[words]``."""
        return keyed(self.words.fields, self.words.values)


def keyed(columns: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    """Returns words with the number of their column in front: string ``[words]``."""
    return tf.strings.join([tf.strings.as_string(columns), words], separator=SEPARATOR.decode())


def write_vocabularies(columns: WordColumns | None, label: tf.Tensor | None) -> WordFiles:
    """Returns the vocabulary files: of each column the most frequent words, and by byte order among equals.

    Args:
        columns: The words of features.
        label: Values of a multi-class label as text ``[batch]``, empty if missing.
    """
    limits = columns.limits if columns else ()
    keys = [columns.keys] if columns else []
    if label is not None:
        keys.append(keyed(tf.fill(tf.shape(label), tf.constant(len(limits), tf.int64)), label))
    if not keys:
        return WordFiles(None, None)
    names = [VOCABULARIES] * (columns is not None) + [LABEL_VOCABULARY] * (label is not None)
    files = tft.experimental.ptransform_analyzer(
        [tf.concat(keys, axis=0) if len(keys) > 1 else keys[0]],
        WriteVocabularies(limits, with_label=label is not None),
        output_dtypes=[tf.string] * len(names),
        output_shapes=[[]] * len(names),
        output_asset_default_values=[NO_WORDS] * len(names),
        name="vocabularies",
    )
    by_name = dict(zip(names, files, strict=True))
    for name in names:
        tft.annotate_asset(name, name)
    return WordFiles(by_name.get(VOCABULARIES), by_name.get(LABEL_VOCABULARY))


class WriteVocabularies(PTransformAnalyzer):
    """Counts the words of several columns and writes the most frequent of each.

    Args:
        limits: How many words each column of the features keeps.
        with_label: Whether the column after them is the label's, whose words get a file of their own.
    """

    def __init__(self, limits: Sequence[Limits], with_label: bool) -> None:
        super().__init__()
        self._limits = tuple(limits)
        self._with_label = with_label

    def expand(self, batches: beam.PCollection) -> tuple[beam.PCollection, ...]:
        """Turns batches (tuples of one array, words with their column in front) into a PCollection per file path."""
        label = [Limits(MOST_WORDS, 1, 0)] if self._with_label else []
        names = [VOCABULARIES] * bool(self._limits) + [LABEL_VOCABULARY] * self._with_label
        written = (
            batches
            | "CountInBatch" >> beam.FlatMap(count_words)
            | "SumCounts" >> beam.CombinePerKey(sum)
            | "KeepMostFrequent" >> beam.CombineGlobally(MostFrequent((*self._limits, *label)))
            | "WriteFiles"
            >> beam.ParDo(_WriteFiles(len(self._limits), names, self.base_temp_dir)).with_outputs(*names)
        )
        return tuple(written[name] for name in names)


def count_words(batch: Sequence[np.ndarray]) -> Iterator[Counted]:
    """Counts the words of one batch, without empty ones and those that do not fit on a line."""
    for key, count in Counter(np.ravel(batch[0]).tolist()).items():
        if key.partition(SEPARATOR)[2] and b"\n" not in key and b"\r" not in key:
            yield key, count


class MostFrequent(beam.CombineFn):
    """Keeps each column's most frequent words; the accumulator never holds many more than that."""

    def __init__(self, limits: Sequence[Limits]) -> None:
        self._limits = tuple(limits)

    def create_accumulator(self) -> Kept:
        """Starts without words."""
        return [[] for _ in self._limits]

    def add_input(self, kept: Kept, counted: Counted) -> Kept:
        """Adds one counted word."""
        key, count = counted
        column, _, word = key.partition(SEPARATOR)
        words, limits = kept[int(column)], self._limits[int(column)]
        if count >= limits.min_count:
            words.append((-count, word))
            if len(words) > 2 * limits.top_k + 1000:
                words[:] = heapq.nsmallest(limits.top_k, words)
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
            heapq.nsmallest(limits.top_k, words) for words, limits in zip(kept, self._limits, strict=True)
        ]

    def extract_output(self, kept: Kept) -> list[list[bytes]]:
        """Returns each column's words, most frequent first."""
        return [[word for _, word in words] for words in self.compact(kept)]


class _WriteFiles(beam.DoFn):
    def __init__(self, features: int, names: list[str], folder: str) -> None:
        self._features, self._names, self._folder = features, names, folder

    def process(self, columns: list[list[bytes]]) -> Iterator[beam.pvalue.TaggedOutput]:
        tf.io.gfile.makedirs(self._folder)
        for name in self._names:
            path = os.path.join(self._folder, name)
            with tf.io.gfile.GFile(path, "wb") as file:
                if name == VOCABULARIES:
                    file.write(b"".join(_lines(columns[: self._features])))
                else:
                    file.write(b"".join(word + b"\n" for word in columns[-1] or [NO_WORDS]))
            yield beam.pvalue.TaggedOutput(name, np.array(path.encode(), object))


def _lines(columns: list[list[bytes]]) -> Iterator[bytes]:
    """Returns the file's lines: of each column the empty word, then its words; after the last an empty word too."""
    for number, words in enumerate(columns):
        for word in (b"", *(words or [NO_WORDS])):
            yield b"%d%b%b\n" % (number, SEPARATOR, word)
    yield b"%d%b\n" % (len(columns), SEPARATOR)


def ids_of(columns: WordColumns, file: tf.Tensor) -> tf.Tensor:
    """Returns int64 ids ``[words]``: 0 for the empty word, then the column's words by frequency, then unknown ones.

    Args:
        columns: The words.
        file: Their file.
    """
    heads = [b"%d%b" % (number, SEPARATOR) for number in range(len(columns.limits) + 1)]
    found = look_up(tf.concat([tf.constant(heads), columns.keys], axis=0), file)
    heads_at, lines = found[: len(heads)], found[len(heads) :]
    words = columns.words
    ids = lines - tf.gather(heads_at, words.fields)
    unknown = tf.gather(heads_at[1:] - heads_at[:-1], words.fields)
    buckets = [limits.oov_buckets for limits in columns.limits]
    if set(buckets) != {1}:
        unknown += hash_into(words.values, tf.gather(tf.constant(buckets, tf.int64), words.fields))
    return tf.where(lines < 0, unknown, ids)


def look_up(words: tf.Tensor, file: tf.Tensor) -> tf.Tensor:
    """Returns the line of each word in a vocabulary file, -1 for unknown ones: int64 of the words' shape."""

    def lines_of(words: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        table, size = _table(file)
        return table.lookup(words), size

    return tft.apply_vocabulary(words, file, lookup_fn=lines_of)


def _table(file: tf.Tensor) -> tuple[tf.lookup.StaticHashTable, tf.Tensor]:
    """Makes the table; once the file exists, outside the traced graph, so that it is filled once and not on each call."""
    known = tf.inside_function() and not tf.is_symbolic_tensor(file)
    with tf.init_scope() if known else contextlib.nullcontext():
        initializer = tf.lookup.TextFileInitializer(
            file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticHashTable(initializer, default_value=-1)
        return table, table.size()
