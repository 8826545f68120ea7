"""Writes that happen once, although their answer was lost and they are sent again.

ML Metadata writes each call in one transaction and keeps names unique within a type. So whatever is new gets a name
before it is sent, as TFX names executions: sent again after a lost answer, it is either written now or refused because
it exists, and then its ids are looked up.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Reader(Protocol):
    """The calls of ML Metadata's store that are needed to find what was written."""

    get_artifact_types_by_id: Callable[[Sequence[int]], Sequence[Any]]
    get_execution_types_by_id: Callable[[Sequence[int]], Sequence[Any]]
    get_context_types_by_id: Callable[[Sequence[int]], Sequence[Any]]
    get_artifact_by_type_and_name: Callable[[str, str], Any]
    get_execution_by_type_and_name: Callable[[str, str], Any]
    get_context_by_type_and_name: Callable[[str, str], Any]
    get_events_by_execution_ids: Callable[[Sequence[int]], Sequence[Any]]


def name_what_is_new(method: str, request: Any) -> None:
    """Gives a name to each execution and artifact of a write that has neither id nor name.

    Args:
        method: The call, such as ``PutExecution``.
        request: Its request; changed in place.
    """
    executions, artifacts, _ = _nodes(method, request)
    for node in (*executions, *artifacts):
        # An artifact of another store is known by its id there.
        if not node.id and not node.name and not getattr(node, "external_id", ""):
            node.name = str(uuid.uuid4())


def answer_again(store: Reader, method: str, request: Any, response: Any) -> bool:
    """Fills the answer to a write that was done although its answer was lost.

    Args:
        store: The store, connected again.
        method: The call, such as ``PutExecution``.
        request: What was sent, twice.
        response: Gets the ids of what was written.

    Returns:
        Whether all that was sent is there; if not, the names belong to somebody else.
    """
    executions, artifacts, contexts = _nodes(method, request)
    found = [
        [_id(store, kind, node) for node in nodes]
        for kind, nodes in (("execution", executions), ("artifact", artifacts), ("context", contexts))
    ]
    if not (executions or artifacts) or not all(id_ for ids in found for id_ in ids):
        return False
    if executions and artifacts and not _linked(store, found[0], found[1]):
        return False
    _fill(method, response, *found)
    return True


def may_be_undone(method: str, request: Any) -> bool:
    """Returns whether PostgreSQL may undo a write that ML Metadata calls done.

    Two nodes that begin with the same artifact put it into the same context. The second is told that it is there, which
    ML Metadata takes for good; but PostgreSQL has ended its transaction, and the commit is a rollback.

    Args:
        method: The call, such as ``PutExecution``.
        request: Its request.
    """
    if method not in ("PutExecution", "PutLineageSubgraph"):
        return False
    return any(artifact.id or getattr(artifact, "external_id", "") for artifact in _nodes(method, request)[1])


def is_written(store: Reader, method: str, request: Any, response: Any) -> bool:
    """Returns whether all events of a write are there; they are new in it, so the rest is as well.

    Args:
        store: The store.
        method: The call, such as ``PutExecution``.
        request: What was sent.
        response: What was answered.
    """
    if method == "PutExecution":
        executions = [response.execution_id]
        pairs = zip(response.artifact_ids, request.artifact_event_pairs, strict=True)
        sent = {(id_, pair.event.type) for id_, pair in pairs if pair.HasField("event")}
    else:
        executions = list(response.execution_ids)
        sent = {(_artifact_of(edge, response), edge.event.type) for edge in request.event_edges}
    found = {(event.artifact_id, event.type) for event in store.get_events_by_execution_ids(executions)}
    return sent <= found


def _artifact_of(edge: Any, response: Any) -> int:
    """Returns the artifact of an event: one of those that were sent, or another by its id."""
    of_sent = edge.HasField("artifact_index")
    return int(response.artifact_ids[edge.artifact_index] if of_sent else edge.event.artifact_id)


def _nodes(method: str, request: Any) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Returns the executions, artifacts and contexts of a write."""
    if method == "PutExecution":
        pairs = [pair.artifact for pair in request.artifact_event_pairs if pair.HasField("artifact")]
        return [request.execution], pairs, request.contexts
    if method == "PutLineageSubgraph":
        return request.executions, request.artifacts, request.contexts
    executions = request.executions if method == "PutExecutions" else ()
    artifacts = request.artifacts if method == "PutArtifacts" else ()
    return executions, artifacts, ()


def _id(store: Reader, kind: str, node: Any) -> int:
    """Returns the id of an execution, artifact or context; 0 if it is not there."""
    if node.id:
        return int(node.id)
    (type_,) = getattr(store, f"get_{kind}_types_by_id")([node.type_id])
    found = getattr(store, f"get_{kind}_by_type_and_name")(type_.name, node.name)
    return int(found.id) if found else 0


def _linked(store: Reader, executions: list[int], artifacts: list[int]) -> bool:
    """Returns whether the executions have an event with each of the artifacts."""
    return set(artifacts) <= {e.artifact_id for e in store.get_events_by_execution_ids(executions)}


def _fill(
    method: str, response: Any, executions: list[int], artifacts: list[int], contexts: list[int]
) -> None:
    if method == "PutExecution":
        (response.execution_id,) = executions
    elif executions:
        response.execution_ids.extend(executions)
    if artifacts or method == "PutExecution":
        response.artifact_ids.extend(artifacts)
    if method in ("PutExecution", "PutLineageSubgraph"):
        response.context_ids.extend(contexts)
