"""What the sidecar says of nodes, parameters and the schedule, taken from document and graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foundation.document.layers import override_keys
from pipeline.bundle.sidecar import NodeEntry, Parameter, Production, Resources
from pipeline.document.models import PipelineSpec
from pipeline.document.production import FromEnvironmentConfig, NodeProductionConfig, ProductionConfig
from pipeline.graph import Graph, Node

_MADE_OF = ("settings", "code", "user code", "external")
"""Parts of a fingerprint that are the same for every run of a bundle."""
_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def node_entries(document: PipelineSpec, graph: Graph, always: set[str]) -> tuple[NodeEntry, ...]:
    """Returns what the sidecar says of each node.

    Args:
        document: The document.
        graph: Every node that a run of it may have.
        always: Those that every run has.
    """
    order = graph.ids
    return tuple(_entry(document.production, graph, node, order, node.id not in always) for node in graph)


def _entry(
    production: ProductionConfig, graph: Graph, node: Node, order: list[str], optional: bool
) -> NodeEntry:
    own = production.nodes.get(node.id, NodeProductionConfig())
    every = production.resources

    def chosen(name: str) -> Any:
        value = getattr(own, name)
        return getattr(production, name) if value is None else value

    resources = {
        name: getattr(every, name) if getattr(own.resources, name) is None else getattr(own.resources, name)
        for name in ("cpu", "memory", "gpu")
    }
    return NodeEntry(
        id=node.id,
        upstream=tuple(sorted({*node.inputs, *node.after}, key=order.index)),
        optional=optional,
        resolver=node.resolver,
        tensorflow=node.declared.tensorflow,
        group=node.declared.phase,
        retries=chosen("retries"),
        retry_delay=chosen("retry_delay"),
        exponential=production.exponential,
        timeout=chosen("timeout"),
        pool=chosen("pool"),
        resources=Resources(**resources),
        made_of={name: graph.parts[node.id][name] for name in _MADE_OF},
    )


def production_entry(document: PipelineSpec) -> Production:
    """Returns what the sidecar says of when the pipeline runs."""
    given = document.production
    hook = given.on_failure
    return Production(
        schedule=given.schedule,
        start=given.start,
        catch_up=given.catch_up,
        timezone=given.timezone,
        max_active_runs=given.max_active_runs,
        span=given.span,
        spans=document.has_spans(),
        deadline=given.deadline,
        groups=given.groups,
        on_failure=hook if isinstance(hook, str) else None,
        on_failure_env=hook.env if isinstance(hook, FromEnvironmentConfig) else None,
        retrain=given.retrain.model_dump() if given.retrain else None,
    )


def parameter_entries(document: PipelineSpec) -> tuple[Parameter, ...]:
    """Returns what the sidecar says of the values that a run may change, with their types from the document's model."""
    if not document.production.parameters:
        return ()
    from pipeline.document.json_schema import document_schema

    schema = document_schema()
    value = document.model_dump(mode="json", by_alias=True)
    return tuple(_parameter(name, schema, value) for name in document.production.parameters)


def _parameter(name: str, schema: dict[str, Any], value: Any) -> Parameter:
    keys = override_keys(name)
    found: list[dict[str, Any]] = [schema]
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
        found = [below for one in found for below in _below(one, key, schema)]
    arms = [arm for one in found for arm in _arms(one, schema)]
    types = [kind for arm in arms for kind in _types(arm)]
    types.append("null" if value is None else _NAMES[type(value)])
    return Parameter(
        name,
        tuple(dict.fromkeys(types)),
        value,
        next((one["description"] for one in found if "description" in one), ""),
        _choices(arms),
        next((arm["minimum"] for arm in arms if "minimum" in arm), None),
        next((arm["maximum"] for arm in arms if "maximum" in arm), None),
    )


def _below(schema: dict[str, Any], key: str, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for arm in _arms(schema, whole):
        if key in arm.get("properties", {}):
            yield arm["properties"][key]
        elif isinstance(arm.get("additionalProperties"), dict):
            yield arm["additionalProperties"]


def _arms(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the alternatives of a schema, without the one that a shared value makes: a run gives values."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name != "SharedValue":
            yield from _arms(whole["$defs"][name], whole)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _arms(one, whole)
    else:
        yield schema


def _types(arm: dict[str, Any]) -> list[str]:
    if "enum" in arm or "const" in arm:
        return [_NAMES[type(value)] for value in arm.get("enum", [arm.get("const")])]
    return [arm["type"]] if "type" in arm else []


def _choices(arms: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Returns the only values that are allowed; none where an alternative leaves any open."""
    closed = [arm.get("enum", [arm["const"]] if "const" in arm else None) for arm in arms]
    if any(one is None for one in closed):
        return ()
    return tuple(dict.fromkeys(value for one in closed if one for value in one))
