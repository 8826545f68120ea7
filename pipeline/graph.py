"""The document as nodes and edges, without TensorFlow: what there is to run, and what each node depends on.

A node's fingerprint is a hash over everything that can change its result: its slice of the document, the code behind
it, what it reads from outside, and the fingerprints of the nodes whose artifacts it takes. Ordering alone (``after``)
is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.mongo_example_gen.source import ResolvedInput
from foundation.user_code import code_digest
from pipeline.document.models import PipelineSpec

COMPONENTS = Path(__file__).resolve().parent.parent / "components"
FOUNDATION = COMPONENTS.parent / "foundation"
SHARED_CODE = {"mongo_example_gen": ("privacy.py", "personal.py")}
"""Package → files of the ground floor that decide over its results."""


@dataclass(frozen=True)
class Node:
    """One step of the pipeline.

    Attributes:
        id: Name of the node, unique in the graph; the TFX component's id.
        inputs: Nodes whose artifacts this one takes.
        after: Nodes that only have to succeed before.
        settings: What the document says to this node, JSON-able.
        package: Folder under ``components`` whose code the node runs; None for stock TFX components.
        user_code: ``/abs/file.py:function`` references of the person's own code.
        external: Digest of what the node reads from outside the pipeline.
        resolver: Whether the node only looks artifacts up; such a node always runs and is never shown as work.
        base_model: Whether the latest blessed model is an input (warm start).
    """

    id: str
    inputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    settings: object = None
    package: str | None = None
    user_code: tuple[str, ...] = ()
    external: str = ""
    resolver: bool = False
    base_model: bool = False


@dataclass(frozen=True)
class Graph:
    """All nodes in an order in which each stands behind what it depends on."""

    nodes: tuple[Node, ...]
    fingerprints: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Node]:
        """Iterates over the nodes in order."""
        return iter(self.nodes)

    def node(self, node_id: str) -> Node:
        """Returns the node of that id.

        Raises:
            KeyError: There is none.
        """
        return next(n for n in self.nodes if n.id == node_id) if node_id in self.ids else _missing(node_id)

    @property
    def ids(self) -> list[str]:
        """Ids of all nodes, in order."""
        return [n.id for n in self.nodes]

    def upstream(self, node_id: str) -> set[str]:
        """Returns every node that ``node_id`` depends on, over data and order."""
        found: set[str] = set()
        todo = [node_id]
        while todo:
            node = self.node(todo.pop())
            new = set(node.inputs + node.after) - found
            found |= new
            todo += new
        return found

    def downstream(self, node_id: str) -> set[str]:
        """Returns every node that depends on ``node_id``, over data and order."""
        return {n.id for n in self.nodes if node_id in self.upstream(n.id)}


def _missing(node_id: str) -> Node:
    raise KeyError(node_id)


@dataclass(frozen=True)
class Surroundings:
    """What is outside the document and decides over the graph.

    Attributes:
        folder: Folder of the document; relative paths start there.
        data: The resolved export.
        infer: The resolved export to predict for, if the document has ``infer``.
        schema: Text of the reviewed schema, or None while there is none.
        previous_statistics: Whether statistics of an earlier span are known, so that drift can be computed.
        privacy_key: Id of the key that personal values are hashed with; empty where none are.
    """

    folder: Path
    data: ResolvedInput
    infer: ResolvedInput | None = None
    schema: str | None = None
    previous_statistics: bool = False
    privacy_key: str = ""


def make_graph(spec: PipelineSpec, around: Surroundings) -> Graph:
    """Returns the graph of a document with every node's fingerprint.

    Raises:
        UserCodeError: A file of the person's own code is missing or does not parse.
    """
    nodes = [*_data_nodes(spec, around), *_model_nodes(spec, around), *_delivery_nodes(spec, around)]
    return _fingerprinted(tuple(nodes))


def absolute_reference(folder: Path, reference: str | None) -> str | None:
    """Returns ``file.py:function`` with the file's path made absolute from the document's folder."""
    return str((folder / reference).resolve()) if reference else None


def examples_node(spec: PipelineSpec) -> str:
    """Returns the id of the node that gives the examples."""
    return "BigQueryExampleGen" if spec.data.bigquery else "MongoExampleGen"


def _data_nodes(spec: PipelineSpec, around: Surroundings) -> list[Node]:
    fields = {path: f.model_dump() for path, f in spec.ingested_fields().items()}
    data = spec.data.model_dump(mode="json", exclude={"span", "mongo_export", "recorded_at"})
    reviewed = around.schema is not None
    schema = (
        Node("ImportSchemaGen", external=_digest(around.schema))
        if reviewed
        else Node(
            "SchemaInferrer",
            ("StatisticsGen",),
            settings=[spec.data.label, spec.array_features()],
            package="schema_gen",
        )
    )
    examples = examples_node(spec)
    settings = data["split"] if spec.data.bigquery else [data, fields, around.privacy_key]
    package = "bigquery_example_gen" if spec.data.bigquery else "mongo_example_gen"
    nodes = [
        Node(examples, settings=settings, package=package, external=around.data.fingerprint),
        Node("StatisticsGen", (examples,)),
        schema,
        Node("ExampleValidator", ("StatisticsGen", schema.id)),
    ]
    gate_inputs = [examples, "StatisticsGen", schema.id, "ExampleValidator"]
    if has_drift(spec, around):
        drift = {name: d.model_dump() for name, d in spec.validation.drift.items()}
        nodes.append(Node("PreviousStatistics", ("StatisticsGen",), package="resolvers", resolver=True))
        nodes.append(Node("DistributionValidator", ("StatisticsGen", "PreviousStatistics"), settings=drift))
        gate_inputs.append("DistributionValidator")
    settings = [
        spec.validation.model_dump(),
        spec.data.label,
        spec.data.recorded_at,
        spec.model.task,
        spec.model.positive,
    ]
    nodes.append(Node("ValidationGate", tuple(gate_inputs), settings=settings, package="validation_gate"))
    return nodes


def has_drift(spec: PipelineSpec, around: Surroundings) -> bool:
    """Returns whether drift is asked for and there is something to compare with."""
    return bool(spec.validation.drift) and around.previous_statistics


def schema_node(around: Surroundings) -> str:
    """Returns the id of the node that gives the schema."""
    return "ImportSchemaGen" if around.schema is not None else "SchemaInferrer"


def _model_nodes(spec: PipelineSpec, around: Surroundings) -> list[Node]:
    schema = schema_node(around)
    label = [spec.data.label, spec.model.task, spec.model.positive]
    features = spec.features.model_dump(mode="json")
    own_features = _references(around.folder, spec.features.preprocessing_fn)
    own_model = _references(around.folder, spec.model.build_model)
    model = spec.model.model_dump(mode="json")
    train = spec.train.model_dump(mode="json")
    base = (examples_node(spec), "Transform", schema)
    # Only training waits for the gate: Transform runs beside validation, and its work is lost where that stops the run.
    nodes = [
        Node("Transform", (examples_node(spec), schema), (), [features, label], "transform", own_features)
    ]
    inputs: tuple[str, ...] = base
    gate = ("ValidationGate",)
    if spec.tune:
        tune = [spec.tune.model_dump(mode="json", exclude={"minutes"}), model, train, features, label]
        nodes.append(Node("Tuner", base, gate, tune, "tuner", own_model))
        inputs = (*base, "Tuner")
    if spec.train.warm_start:
        nodes.append(Node("WarmStartModel", package="resolvers", resolver=True))
        inputs = (*inputs, "WarmStartModel")
    settings = [model, train, features, label]
    nodes.append(
        Node("Trainer", inputs, gate, settings, "trainer", own_model, base_model=spec.train.warm_start)
    )
    return nodes


def _delivery_nodes(spec: PipelineSpec, around: Surroundings) -> list[Node]:
    schema = schema_node(around)
    evaluate = spec.evaluate.model_dump(mode="json", exclude={"gates"})
    gates = spec.evaluate.model_dump(mode="json", include={"gates", "metrics", "slices"})
    label = [spec.data.label, spec.model.task, spec.model.positive]
    nodes = [
        Node("BaselineModel", ("Trainer",), package="resolvers", resolver=True),
        Node(
            "Evaluator",
            (examples_node(spec), "Trainer", "BaselineModel", schema),
            (),
            [evaluate, label],
            "evaluator",
        ),
        Node(
            "EvaluationGate",
            ("Evaluator", "Trainer", "BaselineModel"),
            (),
            [gates, spec.model.task],
            "evaluation_gate",
        ),
    ]
    validated = spec.infra_validated()
    if validated:
        # Before the gate, so that it runs beside the Evaluator.
        nodes.insert(
            2,
            Node(
                "InfraValidator",
                (examples_node(spec), "Trainer", "BaselineModel"),
                settings=validated.model_dump(mode="json", exclude={"timeout_seconds"}),
                package="infra_validator",
            ),
        )
    if spec.push:
        push = spec.push.model_dump(mode="json", exclude={"keep_versions"})
        blessings = ("EvaluationGate", "InfraValidator") if validated else ("EvaluationGate",)
        nodes.append(Node("Pusher", ("Trainer", *blessings), settings=push, package="pusher"))
    if spec.infer and around.infer:
        fields = {path: f.model_dump() for path, f in spec.ingested_fields().items()}
        infer = spec.infer.model_dump(mode="json", exclude={"mongo_export"})
        nodes.append(
            Node(
                "InferExampleGen",
                settings=[fields, spec.data.privacy.model_dump(mode="json"), around.privacy_key],
                package="mongo_example_gen",
                external=around.infer.fingerprint,
            )
        )
        inputs = ("InferExampleGen", "Trainer", "EvaluationGate")
        nodes.append(Node("BulkInferrer", inputs, settings=infer, package="bulk_inferrer"))
    return nodes


def _references(folder: Path, reference: str | None) -> tuple[str, ...]:
    absolute = absolute_reference(folder, reference)
    return (absolute,) if absolute else ()


def _fingerprinted(nodes: tuple[Node, ...]) -> Graph:
    fingerprints: dict[str, str] = {}
    parts: dict[str, dict[str, str]] = {}
    packages = {n.package: package_digest(n.package) for n in nodes if n.package}
    for node in nodes:
        parts[node.id] = {
            "settings": _digest(json.dumps(node.settings, sort_keys=True)),
            "code": packages.get(node.package or "", ""),
            "user code": "".join(code_digest(reference) for reference in node.user_code),
            "external": node.external,
            "inputs": _digest("".join(fingerprints[i] for i in node.inputs)),
        }
        fingerprints[node.id] = _digest(node.id + json.dumps(parts[node.id], sort_keys=True))
    return replace(Graph(nodes), fingerprints=fingerprints, parts=parts)


def package_digest(package: str) -> str:
    """Returns a digest of the Python files of ``components/<package>`` and of what all components share."""
    digest = hashlib.sha256()
    shared = [FOUNDATION / name for name in SHARED_CODE.get(package, ())]
    for file in [*sorted((COMPONENTS / package).glob("*.py")), *sorted(COMPONENTS.glob("*.py")), *shared]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode()).hexdigest()
