"""Declaration of StatisticsGen: the stock TFX component, without the numbers of groups, and an executor that needs no Beam for few rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types.channel import BaseChannel

from components.exports.fields import feature_name
from components.statistics_gen.executor import Executor
from components.statistics_gen.node import is_grouped

if TYPE_CHECKING:
    from components.node import Build, Document

ID = "_id"


def build(at: Build, examples: BaseChannel) -> StatisticsGen:
    """Returns the node."""
    grouped = is_grouped(at.document)
    options = tfdv.StatsOptions(feature_allowlist=written_features(at.document)) if grouped else None
    node = StatisticsGen(examples=examples, stats_options=options)
    node.executor_spec = BeamExecutorSpec(Executor)  # the type stays TFX's own, as in earlier versions
    return node


def written_features(document: Document) -> list[str]:
    """Returns what a document's rows hold apart from the number of their group."""
    fields = document.ingested_fields()
    return list(dict.fromkeys([ID, *(feature_name(path, field) for path, field in fields.items())]))
