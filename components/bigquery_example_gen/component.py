"""Declaration of the BigQuery source: TFX's component with the document's query and splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.extensions.google_cloud_big_query.example_gen.component import BigQueryExampleGen
from tfx.proto import example_gen_pb2

from components.bigquery_example_gen.config import BigQueryConfig
from components.bigquery_example_gen.executor import Executor
from components.mongo_example_gen.config import SplitConfig

if TYPE_CHECKING:
    from components.node import Build


def make_bigquery_example_gen(config: BigQueryConfig, split: SplitConfig) -> BigQueryExampleGen:
    """Returns the component that reads the query.

    TFX splits the rows: SHA-256 of the column ``split.by``, modulo the sum of the shares. As in MongoExampleGen the
    column's value alone decides, but the hash is a different one.

    Args:
        config: Query, project and temporary folder.
        split: Shares, and the column to split by.
    """
    shares = {"train": split.train, "validation": split.validation, "test": split.test}
    buckets = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=share) for name, share in shares.items()
    ]
    splits = example_gen_pb2.SplitConfig(splits=buckets, partition_feature_name=split.by)
    return BigQueryExampleGen(query=config.query, output_config=example_gen_pb2.Output(split_config=splits))


def build(at: Build) -> BigQueryExampleGen:
    """Returns the node with the Beam arguments needed to read the query."""
    config = at.document.data.bigquery
    assert config is not None, "the node is part of the graph only with a query"
    gen = make_bigquery_example_gen(config, at.document.data.split)
    gen.executor_spec = BeamExecutorSpec(Executor)  # the type stays TFX's own
    return gen.with_beam_pipeline_args(config.beam_args())
