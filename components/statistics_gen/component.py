"""Declaration of StatisticsGen: the stock TFX component, without the numbers of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.types.channel import BaseChannel

from components.exports.fields import feature_name
from components.statistics_gen.node import is_grouped

if TYPE_CHECKING:
    from components.node import Build, Document

ID = "_id"


def build(at: Build, examples: BaseChannel) -> StatisticsGen:
    """Returns the node."""
    if not is_grouped(at.document):
        return StatisticsGen(examples=examples)
    options = tfdv.StatsOptions(feature_allowlist=written_features(at.document))
    return StatisticsGen(examples=examples, stats_options=options)


def written_features(document: Document) -> list[str]:
    """Returns what a document's rows hold apart from the number of their group."""
    fields = document.ingested_fields()
    return list(dict.fromkeys([ID, *(feature_name(path, field) for path, field in fields.items())]))
