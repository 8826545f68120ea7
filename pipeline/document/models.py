"""The typed model of the document: one class for the whole; each component defines its own slice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from components.bulk_inferrer.config import InferConfig
from components.evaluation_gate.config import EvaluateConfig
from components.exports.fields import FieldConfig, feature_name
from components.infra_validator.config import InfraValidationConfig
from components.mongo_example_gen.config import DataConfig
from components.pusher.config import PushConfig
from components.trainer.config import ModelConfigSlice, TrainConfig
from components.transform.config import FeaturesConfig
from components.transform.transformations import TRANSFORMATIONS
from components.tuner.config import TuneConfig
from components.validation_gate.config import ValidateConfig
from foundation.config import Config
from pipeline.document.production import ProductionConfig
from pipeline.orchestrators import ENGINES, ORCHESTRATORS

if TYPE_CHECKING:
    Orchestrator = str
    EngineName = str
else:
    Orchestrator = Literal[tuple(ORCHESTRATORS)]
    EngineName = Literal[tuple(ENGINES)]

NAME = r"^[a-z][a-z0-9_]*$"
"""The form of a pipeline's name."""


class SqliteConfig(Config):
    """ML Metadata in a file."""

    path: str | None = None
    """The file, relative to the document's folder; by default metadata.db in the root."""


class DatabaseConfig(Config):
    """ML Metadata on a database server; the password comes from the environment and is never stored."""

    host: str
    """Host name of the server."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port; by default the engine's own."""
    database: str
    """Name of the database."""
    user: str
    """User name."""
    password_env: str = "PENSTOCK_METADATA_PASSWORD"
    """Name of the environment variable that holds the password."""


def has_spans(pattern: str) -> bool:
    """Returns whether a span says which files of a pattern are read."""
    return "{SPAN}" in pattern or "{YYYY}" in pattern


class MetadataConfig(Config):
    """Where ML Metadata keeps artifacts and executions; one of the keys."""

    sqlite: SqliteConfig | None = None
    """A file; the default."""
    mysql: DatabaseConfig | None = None
    """A MySQL server."""
    postgresql: DatabaseConfig | None = None
    """A PostgreSQL server."""


class RunConfig(Config):
    """Where and how the pipeline runs."""

    orchestrator: Orchestrator = "local"
    """What schedules the nodes."""
    beam: EngineName | dict[str, EngineName] = "local"
    """Which engine runs the Beam steps; or one for each node, with ``default`` for all others: {default: local, Transform: flink}."""
    beam_args: list[str] = Field(default_factory=list)
    """Further arguments for Beam, such as --project=p."""
    workers: int = Field(default=0, ge=0)
    """Processes for Beam steps on this machine; 0 chooses by data size and number of cores."""

    def engine(self, node: str) -> str:
        """Returns the name of the engine that runs a node's Beam steps.

        Args:
            node: Id of the node.
        """
        if isinstance(self.beam, str):
            return self.beam
        return self.beam.get(node, self.beam.get("default", "local"))

    def args(self, engine: str) -> list[str]:
        """Returns the further arguments for an engine: ``beam_args``, which beside others are not those of the local one.

        Args:
            engine: Name of the engine.
        """
        mixed = not isinstance(self.beam, str) and set(self.beam.values()) - {"local"}
        return [] if mixed and engine == "local" else list(self.beam_args)


class PipelineSpec(Config):
    """The document: every decision about one pipeline."""

    name: str = Field(pattern=NAME, max_length=60)
    """Name of the pipeline: lower case letters, digits, underscores."""
    root: str = ".penstock"
    """Folder for artifacts, metadata and logs, relative to the document's folder; or a place in a store for the artifacts:
    s3:// or gs://."""
    data: DataConfig
    """Where the exported documents are and what is read from them."""
    schema_file: str | None = Field(default=None, alias="schema")
    """The reviewed data schema; by default schema/NAME/schema.pbtxt beside the document; inferred if missing."""
    validation: ValidateConfig = Field(default=ValidateConfig(), alias="validate")
    """Checks of the data."""
    features: FeaturesConfig
    """How each field is transformed for the model, or file.py:preprocessing_fn."""
    model: ModelConfigSlice = ModelConfigSlice()
    """Which model to build, or file.py:build_model."""
    train: TrainConfig = TrainConfig()
    """How the model is fitted."""
    tune: TuneConfig | None = None
    """Search for hyperparameters before training; omitted: none."""
    evaluate: EvaluateConfig
    """What is measured, and what a model must reach."""
    infra_validation: InfraValidationConfig | Literal[False] | None = None
    """How a model is served and measured before it is pushed; omitted: by the defaults if there is push; false: not."""
    push: PushConfig | None = None
    """Where blessed models are published; omitted: nowhere."""
    infer: InferConfig | None = None
    """Predictions for a batch of documents; omitted: none."""
    metadata: MetadataConfig = MetadataConfig()
    """Where ML Metadata is kept."""
    run: RunConfig = RunConfig()
    """Where and how the pipeline runs."""
    production: ProductionConfig = ProductionConfig()
    """When and with what a scheduler runs it; for penstock compile and export."""

    def ingested_fields(self) -> dict[str, FieldConfig]:
        """Returns dotted path → field for everything the document names, in the document's order.

        A feature, label or slice without a ``data.fields`` entry is read from the path of the same name.
        """
        fields = dict(self.data.fields)
        given = {feature_name(path, field) for path, field in fields.items()}
        for name in self.named_features():
            if name not in given:
                fields[name] = FieldConfig()
                given.add(name)
        return fields

    def named_features(self) -> list[str]:
        """Returns the raw features that label, features, slices and checks refer to, each once."""
        names = [self.data.label]
        for name, transformations in self.features.declared.items():
            names.append(name)
            for transformation in transformations:
                names += transformation.others
        for columns in self.evaluate.slices:
            names += [columns] if isinstance(columns, str) else columns
        if self.data.recorded_at:
            names.append(self.data.recorded_at)
        return list(dict.fromkeys(names))

    def infra_validated(self) -> InfraValidationConfig | None:
        """Returns how a model is served before it is pushed, None if it is not."""
        if self.infra_validation is None:
            return InfraValidationConfig() if self.push else None
        return self.infra_validation or None

    def array_features(self) -> list[str]:
        """Returns the features that are arrays, by their field or by a transformation."""
        said = [feature_name(path, field) for path, field in self.data.fields.items() if field.list]
        declared = self.features.declared.items()
        used = [n for n, several in declared if any(TRANSFORMATIONS[t.kind].of_array for t in several)]
        return sorted({*said, *used})

    def has_spans(self) -> bool:
        """Returns whether a span says which files of the exports are read."""
        return any(map(has_spans, self._patterns()))

    def has_days(self) -> bool:
        """Returns whether the spans of an export are its days."""
        return "{YYYY}" in "".join(self._patterns())

    def _patterns(self) -> tuple[str, str]:
        return self.data.mongo_export, self.infer.mongo_export if self.infer else ""

    def with_metadata_at(self, folder: Path) -> PipelineSpec:
        """Returns the document with its file of ML Metadata, if it names one, as a path from this folder.

        Args:
            folder: Where relative paths start, absolute; without it each process would start from its own.
        """
        sqlite = self.metadata.sqlite
        if sqlite is None or sqlite.path is None:
            return self
        there = sqlite.model_copy(update={"path": str(folder / sqlite.path)})
        return self.model_copy(update={"metadata": self.metadata.model_copy(update={"sqlite": there})})

    def schema_path(self) -> str:
        """Returns the path of the reviewed schema, relative to the document's folder."""
        return self.schema_file or f"schema/{self.name}/schema.pbtxt"
