"""Statistics as StatisticsGen stores them, read without TFDV, which loads TensorFlow."""

from __future__ import annotations

from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import artifact, artifact_utils

FILE = "FeatureStats.pb"
"""``BINARY_PB_BASENAME`` of TFX's ``stats_artifact_utils``."""


def read_statistics(statistics: artifact.Artifact, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns the statistics of one split.

    Args:
        statistics: Artifact of type ExampleStatistics.
        split: Name of the split.
    """
    folder = Path(artifact_utils.get_split_uri([statistics], split))
    return statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / FILE).read_bytes())
