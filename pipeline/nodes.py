"""The nodes of a pipeline, each after the nodes whose outputs it uses: add yours here."""

from __future__ import annotations

from components.bigquery_example_gen import node as bigquery_example_gen
from components.bulk_inferrer import node as bulk_inferrer
from components.distribution_validator import node as distribution_validator
from components.evaluation_gate import node as evaluation_gate
from components.evaluator import node as evaluator
from components.example_validator import node as example_validator
from components.infra_validator import node as infra_validator
from components.mongo_example_gen import node as mongo_example_gen
from components.node import Declaration
from components.pusher import node as pusher
from components.resolvers import node as resolvers
from components.schema_gen import node as schema_gen
from components.statistics_gen import node as statistics_gen
from components.trainer import node as trainer
from components.transform import node as transform
from components.tuner import node as tuner
from components.validation_gate import node as validation_gate

NODES: tuple[Declaration, ...] = (
    mongo_example_gen.NODE,
    bigquery_example_gen.NODE,
    statistics_gen.NODE,
    schema_gen.IMPORT_NODE,
    schema_gen.NODE,
    example_validator.NODE,
    resolvers.PREVIOUS_STATISTICS,
    distribution_validator.NODE,
    validation_gate.NODE,
    transform.NODE,
    tuner.NODE,
    resolvers.WARM_START_MODEL,
    trainer.NODE,
    resolvers.BASELINE_MODEL,
    evaluator.NODE,
    infra_validator.NODE,
    evaluation_gate.NODE,
    pusher.NODE,
    mongo_example_gen.INFER_NODE,
    resolvers.BLESSED_MODEL,
    bulk_inferrer.NODE,
)
