"""The declaration of a node: its id, when it is part of a graph, its inputs, and how it is built.

A component declares its node once, in its ``node.py``; graph, plan and TFX pipeline are derived from it. Nothing here
imports TensorFlow, TFX or Beam.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from foundation.user_code import absolute_reference

if TYPE_CHECKING:
    from components.bulk_inferrer.config import InferConfig
    from components.evaluation_gate.config import EvaluateConfig
    from components.exports.fields import FieldConfig
    from components.exports.source import ResolvedInput
    from components.infra_validator.config import InfraValidationConfig
    from components.mongo_example_gen.config import DataConfig
    from components.pusher.config import PushConfig
    from components.trainer.config import ModelConfigSlice, TrainConfig
    from components.transform.config import FeaturesConfig
    from components.tuner.config import TuneConfig
    from components.validation_gate.config import ValidateConfig
    from foundation.outside import Outside


class Document(Protocol):
    """The document as declarations see it: each component's slice, and a few values derived from several."""

    @property
    def data(self) -> DataConfig:
        """Export, fields, label and split."""

    @property
    def validation(self) -> ValidateConfig:
        """Checks of the data."""

    @property
    def features(self) -> FeaturesConfig:
        """Transformations."""

    @property
    def model(self) -> ModelConfigSlice:
        """The model to build."""

    @property
    def train(self) -> TrainConfig:
        """How to fit it."""

    @property
    def tune(self) -> TuneConfig | None:
        """Search for hyperparameters."""

    @property
    def evaluate(self) -> EvaluateConfig:
        """Metrics and gates."""

    @property
    def push(self) -> PushConfig | None:
        """Where to publish blessed models."""

    @property
    def infer(self) -> InferConfig | None:
        """Predictions for a batch of documents."""

    def ingested_fields(self) -> dict[str, FieldConfig]:
        """Returns dotted path → field for every field in the document."""

    def array_features(self) -> list[str]:
        """Returns the features that the document uses as arrays."""

    def schema_path(self) -> str:
        """Returns the path of the reviewed schema, relative to the document's folder."""

    def infra_validated(self) -> InfraValidationConfig | None:
        """Returns how a model is served before the push, None if it is not."""


Elsewhere = Literal["", "addresses", "exchange"]
"""How a node works with workers that do not see its disk: ``addresses``: executor and workers read and write artifacts in the
store, through Beam's and TFX's own file systems; ``exchange``: the executor works on this disk, and its workers exchange
files with it through the store, see ``foundation.stores.exchange``."""


@dataclass(frozen=True)
class Inputs:
    """Facts from outside the document that shape the graph.

    Attributes:
        folder: Folder of the document; relative paths start there.
        data: The resolved export.
        infer: The resolved export to predict for, if the document has ``infer``.
        schema: Text of the reviewed schema, None if there is none yet.
        previous_statistics: Whether there are statistics of an earlier span to compute drift from.
        privacy_key: Id of the key for hashing personal values; empty if none are hashed.
        code: Folder of own code and reviewed schema where it is not ``folder``, as for a bundle; relative paths of those
            start there.
    """

    folder: Path
    data: ResolvedInput
    infer: ResolvedInput | None = None
    schema: str | None = None
    previous_statistics: bool = False
    privacy_key: str = ""
    code: Path | None = None

    @property
    def code_folder(self) -> Path:
        """Folder that own code and the reviewed schema are named from."""
        return self.code or self.folder


@dataclass(frozen=True)
class Places:
    """Where a pipeline's files are.

    Attributes:
        root: Pipeline root, with the artifacts of every node.
        tuning: Where hyperparameter searches keep their state across runs.
    """

    root: Path
    tuning: Path


@dataclass(frozen=True)
class Build:
    """What a node is built from, apart from its input channels.

    Attributes:
        document: The document.
        inputs: Facts from outside it.
        places: Where files are.
    """

    document: Document
    inputs: Inputs
    places: Places

    @property
    def folder(self) -> str:
        """Folder of the document."""
        return str(self.inputs.folder)


@dataclass(frozen=True)
class Source:
    """An output of a node.

    Attributes:
        node: Id of the node.
        key: Key of the output.
    """

    node: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """Returns ``Node.key`` as a source."""
        node, _, key = text.partition(".")
        return cls(node, key)


Read = Callable[[Document, Inputs], Any]
"""A function of the document and of facts from outside it."""


def _always(document: Document, inputs: Inputs) -> bool:
    return True


def _nothing(document: Document, inputs: Inputs) -> None:
    return None


def _no_code(document: Document, inputs: Inputs) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Declaration:
    """The one declaration of a node.

    Attributes:
        id: Name of the node, unique in the graph; the TFX component's id.
        build: ``module:function`` that makes the TFX node from a ``Build`` and a channel for each input key.
        inputs: Input key → ``Node.output``, or alternatives, of which the first in the graph is used. An input with
            none in the graph is left out.
        after: Nodes that must succeed first, if they are part of the graph, without being inputs.
        when: Whether the node is part of the graph.
        settings: The document's settings for this node, JSON-serializable; part of its fingerprint.
        code: Modules whose code affects the result, besides ``build`` and everything it imports.
        user_code: ``/abs/file.py:function`` references to user code.
        external: Digest of data read from outside the pipeline.
        resolver: Whether the node only looks up artifacts; such a node always runs and is not shown as work.
        base_model: Whether the latest blessed model is an input (warm start).
        blessed_model: Whether the run's model is an input if it is blessed, else the last one that was.
        reads_export: Whether it reads the export and so gets the Beam arguments for reading.
        tensorflow: Whether it runs operations of TensorFlow, which a runner may try first in a new process.
        beam: Whether it has Beam steps, which an engine other than the local one may run.
        elsewhere: How its Beam steps run on workers that do not see this machine's disk, see ``Elsewhere``; empty: not at all.
        only_here: Why they cannot with this document, though they could; empty: they can.
        result: Output key and ``module:Class`` of its result file, if it has one.
        outside: Whether what it left outside the root still stands, given the folder of its result file; for nodes that
            publish. Without it, only the node's artifacts are looked at.
        unfinished: How an earlier result goes on under limits of the document that are not among ``settings``, from the
            folder of that result; empty if it stands.
        phase: Group that schedulers show it in: data, model, evaluation or push; empty: none.
    """

    id: str
    build: str
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    when: Callable[[Document, Inputs], bool] = _always
    settings: Read = _nothing
    code: tuple[str, ...] = ()
    user_code: Callable[[Document, Inputs], tuple[str, ...]] = _no_code
    external: Callable[[Document, Inputs], str] = lambda document, inputs: ""
    resolver: bool = False
    base_model: Callable[[Document, Inputs], bool] = lambda document, inputs: False
    blessed_model: Callable[[Document, Inputs], bool] = lambda document, inputs: False
    reads_export: bool = False
    tensorflow: bool = True
    beam: bool = False
    elsewhere: Elsewhere = ""
    only_here: Callable[[Document], str] = lambda document: ""
    result: tuple[str, str] | None = None
    outside: Callable[[Document, Inputs, Path], Outside] | None = None
    unfinished: Callable[[Document, Path], str] = lambda document, folder: ""
    phase: str = ""

    def sources(self, present: Sequence[str]) -> dict[str, Source]:
        """Returns input key → the output it takes in a graph of these nodes."""
        found = {}
        for key, texts in self.inputs.items():
            alternatives = [Source.parse(t) for t in ((texts,) if isinstance(texts, str) else texts)]
            source = next((s for s in alternatives if s.node in present), None)
            if source:
                found[key] = source
        return found


def load(name: str) -> Any:
    """Returns the object that ``module:attribute`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def own_code(folder: Path, reference: str | None) -> tuple[str, ...]:
    """Returns a node's references to user code: one or none."""
    absolute = absolute_reference(folder, reference)
    return (absolute,) if absolute else ()


def label_settings(document: Document) -> list[Any]:
    """Returns what nodes need to know about the label: its name, the task, the positive value."""
    return [document.data.label, document.model.task, document.model.positive]


EXAMPLES = ("MongoExampleGen.examples", "BigQueryExampleGen.examples")
"""The raw examples, from whichever source is used."""
SCHEMA = ("ImportSchemaGen.schema", "SchemaInferrer.schema")
"""The reviewed schema if there is one, otherwise the inferred one."""
