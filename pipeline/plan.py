"""What a run would do, node by node, and why: decided from fingerprints and ML Metadata, without building anything."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from foundation.errors import SpecError, near_miss
from foundation.outside import Outside
from foundation.stores.glance import Glance
from pipeline.graph import Graph, Node
from pipeline.lineage.queries import blessed_models, latest_blessed_model
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.same import same_artifacts
from pipeline.lineage.store import Lineage

Action = Literal["run", "cached", "skip", "resolve"]

WHY = {
    "settings": "its settings in the document changed",
    "code": "Penstock's code for it changed",
    "user code": "your code changed",
    "external": "what it reads changed",
    "inputs": "its inputs changed",
}


@dataclass(frozen=True)
class Selection:
    """The part of the graph that was requested.

    Attributes:
        start: Node to rerun with everything downstream (``--from``).
        end: Last node (``--to``); nodes it does not need are skipped.
        only: The one node to rerun (``--only``).
        force: Whether to rerun every node.
    """

    start: str | None = None
    end: str | None = None
    only: str | None = None
    force: bool = False


@dataclass(frozen=True)
class NodePlan:
    """What happens to one node.

    Attributes:
        node: The node.
        action: ``run``, ``cached`` (its last result is reused), ``skip`` (not requested), ``resolve`` (a look-up).
        reason: Why, in words.
        seconds: Estimated wall time from earlier runs, None without any.
        execution: Id of the execution whose result is reused, for ``cached``.
        note: What a person should know although the result is reused, such as a rollback that is respected.
    """

    node: Node
    action: Action
    reason: str
    seconds: float | None = None
    execution: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """The decisions for all nodes, in order.

    Attributes:
        nodes: What happens to each node.
        untold: What the fingerprints cannot cover, one sentence each.
    """

    nodes: tuple[NodePlan, ...]
    untold: tuple[str, ...] = ()

    @property
    def to_run(self) -> list[NodePlan]:
        """The nodes that will do work."""
        return [n for n in self.nodes if n.action == "run"]

    @property
    def beam(self) -> list[str]:
        """The nodes with Beam steps that will do work."""
        return [n.node.id for n in self.to_run if n.node.declared.beam]

    @property
    def needed(self) -> list[NodePlan]:
        """The nodes that run or are reused, and the look-ups that they read."""
        wanted: set[str] = set()
        found = []
        for one in reversed(self.nodes):
            if one.action in ("run", "cached") or one.node.id in wanted:
                wanted |= {*one.node.inputs, *one.node.after}
                found.append(one)
        return found[::-1]

    @property
    def notes(self) -> list[str]:
        """What a person should know besides."""
        return [*(f"{n.node.id}: {n.note}" for n in self.nodes if n.note), *self.untold]

    @property
    def seconds(self) -> float | None:
        """Estimated wall time of all nodes that run, None if one has never run."""
        known = [n.seconds for n in self.to_run]
        return None if any(s is None for s in known) else sum(s or 0.0 for s in known)


def make_plan(graph: Graph, lineage: Lineage, selection: Selection | None = None) -> Plan:
    """Decides for every node whether it runs, and why.

    Raises:
        SpecError: A selected node does not exist, or what it needs has never been made.
    """
    selection = selection or Selection()
    _check_names(graph, selection)
    history = _History(lineage)
    forced = _forced(graph, selection)
    wanted = _wanted(graph, selection)
    decided: dict[str, NodePlan] = {}
    for node in graph:
        decided[node.id] = _decide(node, graph, history, decided, forced, wanted, selection)
    return Plan(tuple(decided.values()), graph.notes)


def _decide(
    node: Node,
    graph: Graph,
    history: _History,
    decided: Mapping[str, NodePlan],
    forced: set[str],
    wanted: set[str],
    selection: Selection,
) -> NodePlan:
    if node.resolver:
        return NodePlan(node, "resolve", "looks up earlier artifacts")
    seconds = history.seconds(node.id)
    if node.id not in wanted:
        return NodePlan(node, "skip", "not requested")
    if node.id in forced:
        return NodePlan(node, "run", "requested", seconds)
    execution, why, note = history.reusable(node, graph, decided)
    running = [i for i in node.inputs if decided[i].action == "run"]
    if execution is not None and not running:
        return NodePlan(
            node, "cached", f"unchanged since run {execution.run}", execution=execution.id, note=note
        )
    if selection.only or selection.start:
        _needs_result(node, selection, graph)
    if execution is not None:
        why = f"{running[0]} runs"
    return NodePlan(node, "run", why, seconds)


def _needs_result(node: Node, selection: Selection, graph: Graph) -> None:
    chosen = selection.only or selection.start or ""
    if node.id in graph.upstream(chosen):
        raise SpecError(
            f"--{'only' if selection.only else 'from'} {chosen}",
            expected=f"{node.id}, which it needs, to have run with this document and data",
            seen="no such result",
            remedy=f"run 'penstock run --to {node.id}' first, or omit the option",
        )


def _check_names(graph: Graph, selection: Selection) -> None:
    for option, name in (("from", selection.start), ("to", selection.end), ("only", selection.only)):
        if name is not None and name not in graph.ids:
            known = [n.id for n in graph if not n.resolver]
            raise SpecError(
                f"--{option} {name}",
                expected=f"one of {', '.join(known)}",
                seen=near_miss(name, known) or name,
            )


def _forced(graph: Graph, selection: Selection) -> set[str]:
    if selection.force:
        return set(graph.ids)
    if selection.only:
        return {selection.only}
    return {selection.start, *graph.downstream(selection.start)} if selection.start else set()


def _wanted(graph: Graph, selection: Selection) -> set[str]:
    last = selection.only or selection.end
    return {last, *graph.upstream(last)} if last else set(graph.ids)


class _History:
    """Earlier executions of each node."""

    def __init__(self, lineage: Lineage) -> None:
        self._artifacts = lineage.artifacts()
        self._glance = Glance()
        self._compared: dict[tuple[tuple[int, ...], tuple[int, ...]], bool] = {}
        self._by_node: dict[str, list[Execution]] = {}
        self._by_id = {e.id: e for e in lineage.executions()}
        for execution in self._by_id.values():
            self._by_node.setdefault(execution.node, []).append(execution)

    def seconds(self, node: str) -> float | None:
        """Returns the median wall time of the last five complete executions."""
        times = [e.seconds for e in self._by_node.get(node, []) if e.state == "COMPLETE"][-5:]
        return statistics.median(times) if times else None

    def reusable(
        self, node: Node, graph: Graph, decided: Mapping[str, NodePlan]
    ) -> tuple[Execution | None, str, str]:
        """Returns the execution whose result can be reused, or None and the reason; and what to say besides.

        Args:
            node: The node.
            graph: Its graph.
            decided: What happens to the nodes before it.

        Raises:
            PenstockError: What the node left outside the root cannot be looked at.
        """
        complete = [e for e in self._by_node.get(node.id, []) if e.state == "COMPLETE"]
        same = [e for e in complete if e.fingerprint == graph.fingerprints[node.id]]
        if not complete:
            ran = self._by_node.get(node.id)
            return None, f"last execution: {ran[-1].state.lower()}" if ran else "never ran", ""
        if not same:
            return None, _what_changed(complete, graph.parts[node.id]), ""
        fed = [e for e in same if not self._fed_otherwise(e, node, decided)]
        if not fed:
            return None, f"{self._fed_otherwise(same[-1], node, decided)} has another result since", ""
        latest = fed[-1]
        gone = [
            i for ids in latest.outputs.values() for i in ids if not self._is_intact(self._artifacts.get(i))
        ]
        if gone:
            return None, "its result is no longer on disk", ""
        if node.base_model and not self._base_unchanged(latest):
            return None, "it starts from the blessed model, which has changed", ""
        if node.blessed_model and not self._blessed_unchanged(latest, graph):
            return None, "another model is the blessed one now", ""
        results = [self._artifacts[i] for i in latest.outputs.get((node.declared.result or ("",))[0], ())]
        folder = self._glance.looked_at(results[0].uri) if results else None
        more = node.unfinished(folder) if folder else ""
        if more:
            return None, more, ""
        outside = node.outside(folder) if node.outside and folder else Outside()
        return (None, outside.lost, "") if outside.lost else (latest, "", outside.note)

    def _is_intact(self, artifact: Artifact | None) -> bool:
        """Returns whether an artifact is live, and its files still exist."""
        return artifact is not None and artifact.state == "LIVE" and self._glance.exists(artifact.uri)

    def _fed_otherwise(self, execution: Execution, node: Node, decided: Mapping[str, NodePlan]) -> str:
        """Returns the first node whose reused result is not what the execution read; empty if there is none.

        Fingerprints do not tell: a node that ran again by itself, with ``--only`` or ``--to``, has the same one.
        """
        for key, source in node.sources.items():
            reused = self._by_id.get(decided[source.node].execution or 0)
            made = reused.outputs.get(source.key, ()) if reused else None
            if made is not None and not self._are_same(made, execution.inputs.get(key, ())):
                return source.node
        return ""

    def _are_same(self, made: tuple[int, ...], read: tuple[int, ...]) -> bool:
        """Returns whether two lists of artifacts hold the same; files are compared once, however many nodes read them."""
        if (made, read) not in self._compared:
            self._compared[made, read] = same_artifacts(made, read, self._artifacts, self._glance)
        return self._compared[made, read]

    def _blessed_unchanged(self, execution: Execution, graph: Graph) -> bool:
        """Returns whether the model that was used is the one that would be used now."""
        used = set(execution.inputs.get("model", ()))
        trained = [
            e for e in self._by_node.get("Trainer", []) if e.fingerprint == graph.fingerprints.get("Trainer")
        ]
        own = {i for e in trained for i in e.outputs.get("model", ())}
        blessed = blessed_models(self._artifacts.values())
        expected = [m.id for m in blessed if m.id in own] or [m.id for m in blessed]
        return not expected or max(expected) in used

    def _base_unchanged(self, trained: Execution) -> bool:
        blessed = latest_blessed_model(self._artifacts.values())
        allowed = {*trained.inputs.get("base_model", ()), *trained.outputs.get("model", ())}
        return blessed is None or blessed.id in allowed


def _what_changed(before: Sequence[Execution], parts: Mapping[str, str]) -> str:
    """Says what differs from the nearest of the earlier executions, which may be of several documents."""
    differences = (
        [name for name, digest in parts.items() if old.get(name) != digest]
        for old in map(_parts_of, reversed(before))
    )
    return "; ".join(WHY[name] for name in min(differences, key=len)) or "it changed"


def _parts_of(execution: Execution) -> dict[str, str]:
    try:
        parts: dict[str, str] = json.loads(str(execution.properties.get("penstock_parts", "{}")))
    except ValueError:
        return {}
    return parts
