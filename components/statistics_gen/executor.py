"""Executor of StatisticsGen: TFDV's own generators in this process where the splits fit, otherwise its pipeline on Beam."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.statistics.generators.top_k_uniques_sketch_stats_generator import (
    TopKUniquesSketchStatsGenerator,
)
from tensorflow_data_validation.utils import schema_util
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.components.statistics_gen import executor as stock
from tfx.types import artifact, artifact_utils, standard_component_specs
from tfx.utils import json_utils, stats_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components import in_process
from components.written import check_written
from foundation.publish import published_file

Artifacts = dict[str, list[artifact.Artifact]]
_BUCKETS = 1 << 16
"""Different words for which there is room at first; each bucket takes about 80 bytes as soon as it is asked for."""
_MORE = 8
"""How many times the room is made larger where it was too small."""
OPTIONS = standard_component_specs.STATS_OPTIONS_JSON_KEY


class Executor(stock.Executor):
    """Writes ``FeatureStats.pb`` for every split."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Computes the statistics of every split."""
        examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        splits = artifact_utils.decode_split_names(artifact_utils.get_single_instance(examples).split_names)
        if not in_process.fits(examples, splits, self._beam_pipeline_args or ()):
            super().Do(input_dict, output_dict, exec_properties)
            check_written(output_dict)
            return
        text = exec_properties.get(OPTIONS)
        options = tfdv.StatsOptions.from_json(text) if text else tfdv.StatsOptions()
        statistics = artifact_utils.get_single_instance(output_dict[standard_component_specs.STATISTICS_KEY])
        _describe(statistics, examples[0], splits)
        for split in splits:
            found = _of_split(examples, split, options)
            folder = Path(artifact_utils.get_split_uri([statistics], split))
            with published_file(folder / stock.DEFAULT_FILE_NAME) as temporary:
                temporary.write_bytes(found.SerializeToString(deterministic=True))


def _of_split(
    examples: list[artifact.Artifact], split: str, options: tfdv.StatsOptions
) -> statistics_pb2.DatasetFeatureStatisticsList:
    files = in_process.files_of(examples, split)
    rows = in_process.rows_of(examples, [split])
    return statistics_of(lambda: in_process.batches(files), options, max(_BUCKETS, rows))


def statistics_of(
    read: Callable[[], Iterable[Sequence[bytes]]], options: tfdv.StatsOptions, buckets: int = _BUCKETS
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns the statistics of serialized Examples, taken in batch by batch.

    Args:
        read: Returns the serialized Examples in batches; it is asked again where a column has more values than expected.
        options: TFDV's options.
        buckets: How many values a column is expected to have at most.
    """
    while (found := _taken_in(read(), options, buckets)) is None:
        buckets *= _MORE
    return found


def _taken_in(
    batches: Iterable[Sequence[bytes]], options: tfdv.StatsOptions, buckets: int
) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """Returns the statistics, None if a column may have more different words than there are buckets: they would be estimates."""
    decoder = ExamplesToRecordBatchDecoder()
    generators = _generators(options, buckets)
    tallies = [generator.create_accumulator() for generator in generators]
    values: Counter[str] = Counter()
    for batch in batches:
        decoded = decoder.DecodeBatch(list(batch))
        values.update(_values(decoded))
        if max(values.values(), default=0) > buckets:
            return None
        parts = stats_impl.generate_partial_statistics_in_memory(decoded, options, generators)
        pairs = zip(generators, tallies, parts, strict=True)
        tallies = [generator.merge_accumulators([tally, part]) for generator, tally, part in pairs]
    return stats_impl.extract_statistics_output(tallies, generators)


def _values(batch: pa.RecordBatch) -> dict[str, int]:
    """Returns column → how many values it holds that may be words."""
    columns = zip(batch.schema.names, batch.columns, strict=True)
    flat = {name: column.flatten() for name, column in columns if not pa.types.is_null(column.type)}
    return {name: len(found) for name, found in flat.items() if not pa.types.is_floating(found.type)}


class _Words(dict[Any, int]):
    """Says of every text that the schema says nothing of that it is categorical: only such ones are counted whole."""

    def get(self, feature: Any, default: Any = None) -> Any:
        """Returns whether a feature is categorical."""
        return super().get(feature, schema_pb2.StringDomain.Categorical.CATEGORICAL_YES)


class _CountWords(TopKUniquesSketchStatsGenerator):
    """Counts words exactly, as TFDV's pipeline on Beam does.

    TFDV's own generator for memory counts the most frequent words only, and texts above 1,024 bytes as one word: beside
    statistics from Beam, a column of long texts would have drifted.

    Args:
        options: TFDV's options.
        buckets: As many words as a column may have.
    """

    def __init__(self, options: tfdv.StatsOptions, buckets: int) -> None:
        super().__init__(
            schema=options.schema,
            example_weight_map=options.example_weight_map,
            num_top_values=options.num_top_values,
            num_rank_histogram_buckets=options.num_rank_histogram_buckets,
            frequency_threshold=options.frequency_threshold,
            weighted_frequency_threshold=options.weighted_frequency_threshold,
            num_misragries_buckets=buckets + 1,
            num_kmv_buckets=buckets + 1,
        )
        self._byte_feature_is_categorical_values = _Words(
            schema_util.get_bytes_features_categorical_value(options.schema)
        )


def _generators(options: tfdv.StatsOptions, buckets: int) -> list[Any]:
    """Returns TFDV's generators, with ours for words."""
    return [
        _CountWords(options, buckets) if isinstance(one, TopKUniquesSketchStatsGenerator) else one
        for one in stats_impl.get_generators(options, in_memory=True)
    ]


def _describe(statistics: artifact.Artifact, examples: artifact.Artifact, splits: list[str]) -> None:
    """Gives the artifact the properties that TFX gives it."""
    statistics.split_names = artifact_utils.encode_split_names(splits)
    statistics.span = examples.span
    link = stats_utils.generate_stats_dashboard_link(statistics)
    statistics.set_string_custom_property(stock.STATS_DASHBOARD_LINK, link)
    sampled = json_utils.dumps(dict.fromkeys(splits, 1.0))
    statistics.set_json_value_custom_property(stock.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME, sampled)
