"""Every transformation of every feature on its own, as Penstock 0.5 computed them: what the matrices are held to."""

from __future__ import annotations

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.beam.experimental import PTransformAnalyzer

from components.transform.columns import Columns, as_text
from components.transform.config import FeaturesConfig, output_name
from components.transform.transformations.date_parts import _calendar

Outputs = dict[str, tf.Tensor]
NO_WORDS = b"\x1fno words"


def outputs_of(inputs: Mapping[str, Any], features: FeaturesConfig) -> Outputs:
    """Returns output name → int64 ids or float32 numbers ``[batch]``, or a float32 bag ``[batch, width]``."""
    columns = Columns(inputs)
    steps = [(f, one.kind, one.settings) for f, several in features.declared.items() for one in several]
    outputs: Outputs = {}
    for feature, kind, settings in steps:
        if kind in DIRECT:
            outputs |= {
                output_name(feature, suffix or kind): tensor
                for suffix, tensor in DIRECT[kind](columns, feature, settings).items()
            }
    analysed: dict[Any, Outputs] = defaultdict(dict)
    for feature, kind, settings in steps:
        if kind in ANALYSED:
            number, analyse = ANALYSED[kind]
            analysed[analyse, settings][output_name(feature, kind)] = number(columns, feature)
    for (analyse, settings), numbers in analysed.items():
        outputs |= analyse(numbers, settings)
    return outputs | _counted(columns, [step for step in steps if step[1] in ("vocabulary", "bag", "text")])


def _identity(columns: Columns, feature: str, settings: Any) -> Outputs:
    return {"": tf.cast(_without_nan(columns.number(feature, "identity")), tf.float32)}


def _missing(columns: Columns, feature: str, settings: Any) -> Outputs:
    items = columns.items(feature)
    there = tf.math.unsorted_segment_max(
        tf.ones_like(items.indices[:, 0], tf.float32), items.indices[:, 0], items.dense_shape[0]
    )
    return {"": tf.cast(there < 0.5, tf.float32)}


def _hash(columns: Columns, feature: str, settings: int) -> Outputs:
    word = columns.word(feature, "hash")
    return {"": _where_given(word, 1 + tft.hash_strings(word, settings))}


def _cross(columns: Columns, feature: str, settings: Any) -> Outputs:
    words = [columns.word(name, "cross") for name in [feature, *settings.with_]]
    joined = tf.strings.join(words, separator="\x1f")
    ids = 1 + tft.hash_strings(joined, settings.hash_buckets)
    nothing = tf.equal(joined, "\x1f" * (len(words) - 1))
    return {"": tf.where(nothing, tf.zeros_like(ids), ids)}


def _date_parts(columns: Columns, feature: str, settings: list[str]) -> Outputs:
    number = columns.number(feature, "date_parts")
    absent = tf.math.is_nan(number)
    moment = tf.cast(tf.where(absent, tf.zeros_like(number), number), tf.int64)
    values, zeros = _calendar(moment), tf.zeros_like(moment)
    return {part: tf.where(absent, zeros, values[part]) for part in settings}


DIRECT: dict[str, Callable[[Columns, str, Any], Outputs]] = {
    "identity": _identity,
    "missing": _missing,
    "hash": _hash,
    "cross": _cross,
    "date_parts": _date_parts,
}


def _log(columns: Columns, feature: str) -> tf.Tensor:
    number = columns.number(feature, "log_zscore")
    return tf.where(tf.math.is_nan(number), number, tf.math.log1p(tf.maximum(number, 0.0)))


def _count(columns: Columns, feature: str) -> tf.Tensor:
    items = columns.items(feature)
    ones = tf.ones_like(items.values, tf.float64)
    return tf.math.unsorted_segment_sum(ones, items.indices[:, 0], items.dense_shape[0])


def _zscored(numbers: Outputs, settings: Any) -> Outputs:
    scaled = tft.scale_to_z_score(_side_by_side(numbers), elementwise=True, output_dtype=tf.float64)
    return _columns_of(_without_nan(scaled), numbers)


def _scaled(numbers: Outputs, settings: Any) -> Outputs:
    stacked = _side_by_side(numbers)
    both = tf.concat([-stacked, stacked], axis=1)
    lowest = tf.constant(float("-inf"), tf.float64)
    extremes = tft.max(tf.where(tf.math.is_nan(both), lowest, both), reduce_instance_dims=False)
    smallest, largest = -extremes[: len(numbers)], extremes[len(numbers) :]
    spread = largest - smallest
    usable = tf.logical_and(tf.math.is_finite(spread), spread > 0)
    scaled = tf.where(usable, (stacked - smallest) / tf.where(usable, spread, 1.0), 0.0)
    return _columns_of(_without_nan(scaled), numbers)


def _bucketed(numbers: Outputs, settings: int) -> Outputs:
    error = min(0.001, 0.1 / settings)
    boundaries = tft.quantiles(_side_by_side(numbers), settings, epsilon=error, reduce_instance_dims=False)
    outputs = {}
    for index, (name, number) in enumerate(numbers.items()):
        reached = tf.cast(tf.expand_dims(number, 1), tf.float32) >= tf.expand_dims(boundaries[index], 0)
        bucket = 1 + tf.reduce_sum(tf.cast(reached, tf.int64), axis=1)
        outputs[name] = tf.where(tf.math.is_nan(number), tf.zeros_like(bucket), bucket)
    return outputs


Number = Callable[[Columns, str], tf.Tensor]
ANALYSED: dict[str, tuple[Number, Callable[[Outputs, Any], Outputs]]] = {
    "zscore": (lambda columns, feature: columns.number(feature, "zscore"), _zscored),
    "log_zscore": (_log, _zscored),
    "count": (_count, _zscored),
    "scale_0_1": (lambda columns, feature: columns.number(feature, "scale_0_1"), _scaled),
    "buckets": (lambda columns, feature: columns.number(feature, "buckets"), _bucketed),
}


def _counted(columns: Columns, steps: list[tuple[str, str, Any]]) -> Outputs:
    """Computes what needs a vocabulary, each in a file of its own."""
    if not steps:
        return {}
    names = [output_name(feature, kind) for feature, kind, _ in steps]
    words = [_words(columns, feature, kind) for feature, kind, _ in steps]
    limits = tuple(
        (n, s.top_k, getattr(s, "min_count", 1)) for n, (_, _, s) in zip(names, steps, strict=True)
    )
    files = tft.experimental.ptransform_analyzer(
        [one.values if isinstance(one, tf.SparseTensor) else one for one in words],
        WriteEach(limits),
        output_dtypes=[tf.string] * len(steps),
        output_shapes=[[]] * len(steps),
        output_asset_default_values=[NO_WORDS] * len(steps),
        name="one_by_one",
    )
    for name in names:
        tft.annotate_asset(f"one_by_one_{name}", f"one_by_one_{name}")
    outputs = {}
    for name, (_, kind, settings), one, file in zip(names, steps, words, files, strict=True):
        if kind == "vocabulary":
            outputs[name] = _where_given(one, 1 + _looked_up(one, file, settings.oov_buckets))
        else:
            ids, width = (
                _looked_up(one.values, file, settings.oov_buckets),
                settings.top_k + settings.oov_buckets,
            )
            places = tf.stack([one.indices[:, 0], ids], axis=1)
            shape = tf.stack([one.dense_shape[0], tf.constant(width, tf.int64)])
            counted = tf.scatter_nd(places, tf.ones_like(ids, tf.float32), shape)
            outputs[name] = tf.ensure_shape(tf.minimum(counted, 1.0), [None, width])
    return outputs


def _words(columns: Columns, feature: str, kind: str) -> tf.Tensor | tf.SparseTensor:
    if kind == "vocabulary":
        return columns.word(feature, kind)
    items = columns.items(feature)
    if kind == "bag":
        return items.with_values(as_text(items.values, feature, kind))
    lower = tf.strings.lower(items.values, encoding="utf-8")
    words = tf.strings.split(tf.strings.regex_replace(lower, r"[^\p{L}\p{N}]+", " "))
    rows = tf.gather(items.indices[:, 0], words.value_rowids())
    count = tf.size(words.flat_values, tf.int64)
    shape = tf.stack([items.dense_shape[0], tf.maximum(count, 1)])
    return tf.SparseTensor(tf.stack([rows, tf.range(count)], axis=1), words.flat_values, shape)


class WriteEach(PTransformAnalyzer):
    """Writes the most frequent words of each column into a file."""

    def __init__(self, limits: tuple[tuple[str, int, int], ...]) -> None:
        super().__init__()
        self._limits = limits

    def expand(self, batches: beam.PCollection) -> tuple[beam.PCollection, ...]:
        """Counts all batches in one place."""
        tags = [str(index) for index in range(len(self._limits))]
        written = (
            batches
            | "CountEach" >> beam.Map(lambda arrays: [Counter(np.ravel(one).tolist()) for one in arrays])
            | "AddUp" >> beam.CombineGlobally(_added_up)
            | "WriteEach" >> beam.FlatMap(_written, self._limits, self.base_temp_dir).with_outputs(*tags)
        )
        return tuple(written[tag] for tag in tags)


def _added_up(several: Sequence[list[Counter[bytes]]]) -> list[Counter[bytes]]:
    totals: list[Counter[bytes]] = []
    for counters in several:
        totals = totals or [Counter() for _ in counters]
        for total, counter in zip(totals, counters, strict=True):
            total.update(counter)
    return totals


def _written(
    totals: list[Counter[bytes]], limits: tuple[tuple[str, int, int], ...], folder: str
) -> Iterator[beam.pvalue.TaggedOutput]:
    tf.io.gfile.makedirs(folder)
    for index, (name, top_k, min_count) in enumerate(limits):
        counted = totals[index].items() if totals else []
        fit = [(-n, word) for word, n in counted if word and not set(b"\r\n") & set(word) and n >= min_count]
        words = [word for _, word in sorted(fit)[:top_k]] or [NO_WORDS]
        path = os.path.join(folder, f"one_by_one_{name}")
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(b"".join(word + b"\n" for word in words))
        yield beam.pvalue.TaggedOutput(str(index), np.array(path.encode(), object))


def _looked_up(words: tf.Tensor, file: tf.Tensor, oov_buckets: int) -> tf.Tensor:
    def ids_of(words: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        known = tf.inside_function() and not tf.is_symbolic_tensor(file)
        with tf.init_scope() if known else contextlib.nullcontext():
            lines = tf.lookup.TextFileInitializer(
                file,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            table = tf.lookup.StaticVocabularyTable(lines, oov_buckets)
        return table.lookup(words), table.size()

    return tft.apply_vocabulary(words, file, num_oov_buckets=oov_buckets, lookup_fn=ids_of)


def _where_given(word: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.equal(word, ""), tf.constant(0, tf.int64), ids)


def _without_nan(values: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def _side_by_side(numbers: Outputs) -> tf.Tensor:
    return tf.ensure_shape(tf.stack(list(numbers.values()), axis=1), [None, len(numbers)])


def _columns_of(stacked: tf.Tensor, numbers: Outputs) -> Outputs:
    return {name: tf.cast(stacked[:, index], tf.float32) for index, name in enumerate(numbers)}
