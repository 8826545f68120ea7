"""The document becomes a TFX pipeline and its intermediate representation (IR); no runner is known here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.components.distribution_validator.component import DistributionValidator
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import standard_artifacts
from tfx.types.channel import Channel

from components.bigquery_example_gen.component import make_bigquery_example_gen
from components.bulk_inferrer.component import BulkInferrer
from components.evaluation_gate.component import EvaluationGate
from components.evaluator.component import make_evaluator
from components.infra_validator.component import InfraValidator
from components.infra_validator.config import InfraValidationConfig
from components.mongo_example_gen.component import MongoExampleGen
from components.pusher.component import Pusher
from components.resolvers.strategies import BlessedBeforeStrategy, PreviousStatisticsStrategy
from components.schema_gen.component import SchemaInferrer
from components.trainer.component import make_trainer
from components.transform.component import make_transform
from components.tuner.component import make_tuner
from components.tuner.config import TuneConfig
from components.validation_gate.component import ValidationGate, distribution_config
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph, Surroundings, absolute_reference, examples_node, has_drift


@dataclass(frozen=True)
class Places:
    """Where a pipeline's files are.

    Attributes:
        folder: Folder of the document.
        root: Pipeline root: artifacts of every node.
        tuning: Where searches for hyperparameters keep their state across runs.
    """

    folder: Path
    root: Path
    tuning: Path


def build(
    spec: PipelineSpec,
    around: Surroundings,
    places: Places,
    beam_args: Sequence[str],
    reading_args: Sequence[str] | None = None,
) -> Pipeline:
    """Returns the TFX pipeline of a document.

    Args:
        spec: The document.
        around: What is outside it.
        places: Where its files are.
        beam_args: Arguments of every Beam pipeline.
        reading_args: Arguments of the one that reads the export; by default the same.
    """
    nodes = _Wiring(spec, around, places).nodes()
    if reading_args is not None:
        next(n for n in nodes if n.id == examples_node(spec)).with_beam_pipeline_args(list(reading_args))
    return Pipeline(
        pipeline_name=spec.name,
        pipeline_root=str(places.root),
        components=nodes,
        enable_cache=False,
        beam_pipeline_args=list(beam_args),
        # The connection may hold a password; runners get it from the environment, so that the IR carries none.
        metadata_connection_config=None,
    )


def compile_ir(pipeline: Pipeline, graph: Graph) -> pipeline_pb2.Pipeline:
    """Compiles a pipeline and writes into each node what its execution shall remember: fingerprint and node id."""
    ir = Compiler().compile(pipeline)
    for node in ir.nodes:
        parameters = node.pipeline_node.parameters.parameters
        node_id = node.pipeline_node.node_info.id
        remembered = {
            "penstock_node": node_id,
            "penstock_fingerprint": graph.fingerprints[node_id],
            "penstock_parts": json.dumps(graph.parts[node_id], sort_keys=True),
        }
        for key, value in remembered.items():
            parameters[key].field_value.string_value = value
    return ir


class _Wiring:
    """Builds the nodes one after the other; each method declares one group and keeps what later ones need."""

    def __init__(self, spec: PipelineSpec, around: Surroundings, places: Places) -> None:
        self._spec, self._around, self._places = spec, around, places
        self._nodes: list[BaseNode] = []

    def nodes(self) -> list[BaseNode]:
        self._data()
        self._validation()
        self._model()
        self._evaluation()
        self._delivery()
        return self._nodes

    def _add(self, node: Any, node_id: str) -> Any:
        self._nodes.append(node.with_id(node_id))
        return node

    def _data(self) -> None:
        spec = self._spec
        self._examples = self._add(self._example_gen(), examples_node(spec)).outputs["examples"]
        self._statistics = self._add(StatisticsGen(examples=self._examples), "StatisticsGen").outputs[
            "statistics"
        ]
        if self._around.schema is not None:
            file = str(self._places.folder / spec.schema_path())
            self._schema = self._add(ImportSchemaGen(schema_file=file), "ImportSchemaGen").outputs["schema"]
        else:
            arrays = spec.array_features()
            inferrer = SchemaInferrer(statistics=self._statistics, label=spec.data.label, arrays=arrays)
            self._schema = self._add(inferrer, "SchemaInferrer").outputs["schema"]

    def _example_gen(self) -> Any:
        spec = self._spec
        if spec.data.bigquery:
            gen = make_bigquery_example_gen(spec.data.bigquery, spec.data.split)
            return gen.with_beam_pipeline_args(spec.data.bigquery.beam_args())
        return MongoExampleGen(
            data=spec.data, fields=spec.ingested_fields(), base_folder=str(self._places.folder)
        )

    def _validation(self) -> None:
        spec = self._spec
        validator = self._add(
            ExampleValidator(statistics=self._statistics, schema=self._schema), "ExampleValidator"
        )
        drift = self._drift() if has_drift(spec, self._around) else None
        gate = ValidationGate(
            config=spec.validation,
            label=spec.data.label,
            task=spec.model.task,
            positive=spec.model.positive,
            recorded_at=spec.data.recorded_at,
            examples=self._examples,
            statistics=self._statistics,
            schema=self._schema,
            anomalies=validator.outputs["anomalies"],
            drift_anomalies=drift,
        )
        self._gate = self._add(gate, "ValidationGate")

    def _drift(self) -> Any:
        resolver = Resolver(
            strategy_class=PreviousStatisticsStrategy,
            current=self._statistics,
            previous=Channel(type=standard_artifacts.ExampleStatistics),
        )
        previous = self._add(resolver, "PreviousStatistics").outputs["previous"]
        validator = DistributionValidator(
            statistics=self._statistics,
            baseline_statistics=previous,
            config=distribution_config(self._spec.validation.drift),
            include_split_pairs=[("train", "train")],
        )
        return self._add(validator, "DistributionValidator").outputs["anomalies"]

    def _model(self) -> None:
        spec, folder = self._spec, self._places.folder
        own = spec.features.preprocessing_fn
        features = spec.features.model_copy(update={"preprocessing_fn": absolute_reference(folder, own)})
        model = spec.model.model_copy(
            update={"build_model": absolute_reference(folder, spec.model.build_model)}
        )
        label = spec.data.label
        transform = make_transform(
            features=features,
            label=label,
            task=spec.model.task,
            positive=spec.model.positive,
            examples=self._examples,
            schema=self._schema,
        )
        graph = self._add(transform, "Transform").outputs["transform_graph"]
        inputs = {"examples": self._examples, "transform_graph": graph, "schema": self._schema}
        common: dict[str, Any] = {
            "model": model,
            "train": spec.train,
            "label": label,
            "features": features,
            **inputs,
        }
        best = self._tuner(spec.tune, common) if spec.tune else None
        base = self._warm_start() if spec.train.warm_start else None
        trainer = make_trainer(**common, hyperparameters=best, base_model=base)
        trainer.add_upstream_node(self._gate)
        self._trained = self._add(trainer, "Trainer").outputs["model"]

    def _tuner(self, tune: TuneConfig, common: dict[str, Any]) -> Any:
        tuner = make_tuner(tune=tune, work_dir=str(self._places.tuning), **common)
        tuner.add_upstream_node(self._gate)
        return self._add(tuner, "Tuner").outputs["best_hyperparameters"]

    def _warm_start(self) -> Any:
        resolver = Resolver(
            strategy_class=LatestBlessedModelStrategy,
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        return self._add(resolver, "WarmStartModel").outputs["model"]

    def _evaluation(self) -> None:
        spec = self._spec
        resolver = Resolver(
            strategy_class=BlessedBeforeStrategy,
            candidate=self._trained,
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
            infra_blessing=Channel(type=standard_artifacts.InfraBlessing),
        )
        baseline = self._add(resolver, "BaselineModel").outputs["model"]
        evaluator = make_evaluator(
            config=spec.evaluate,
            label=spec.data.label,
            task=spec.model.task,
            examples=self._examples,
            model=self._trained,
            baseline_model=baseline,
            schema=self._schema,
            positive=spec.model.positive,
        )
        evaluation = self._add(evaluator, "Evaluator").outputs["evaluation"]
        validated = spec.infra_validated()
        self._infra_blessing = self._infra_validator(validated, baseline) if validated else None
        gate = EvaluationGate(
            config=spec.evaluate,
            task=spec.model.task,
            evaluation=evaluation,
            model=self._trained,
            baseline_model=baseline,
        )
        self._blessing = self._add(gate, "EvaluationGate").outputs["blessing"]

    def _infra_validator(self, config: InfraValidationConfig, baseline: Any) -> Any:
        validator = InfraValidator(
            config=config,
            base_folder=str(self._places.folder),
            model=self._trained,
            examples=self._examples,
            baseline_model=baseline,
        )
        return self._add(validator, "InfraValidator").outputs["blessing"]

    def _delivery(self) -> None:
        spec, folder = self._spec, str(self._places.folder)
        if spec.push:
            pusher = Pusher(
                config=spec.push,
                base_folder=folder,
                model=self._trained,
                blessing=self._blessing,
                infra_blessing=self._infra_blessing,
            )
            self._add(pusher, "Pusher")
        if spec.infer and self._around.infer:
            fields = {p: f for p, f in spec.ingested_fields().items() if p != self._label_path()}
            gen = MongoExampleGen(data=spec.data, fields=fields, base_folder=folder, labelled=False)
            examples = self._add(gen, "InferExampleGen").outputs["examples"]
            infer = BulkInferrer(
                config=spec.infer,
                base_folder=folder,
                examples=examples,
                model=self._trained,
                blessing=self._blessing,
            )
            self._add(infer, "BulkInferrer")

    def _label_path(self) -> str:
        from components.mongo_example_gen.config import feature_name

        fields = self._spec.ingested_fields()
        return next(
            path for path, field in fields.items() if feature_name(path, field) == self._spec.data.label
        )
