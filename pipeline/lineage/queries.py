"""Lineage queries that several commands share."""

from __future__ import annotations

from collections.abc import Iterable

from foundation.errors import DataError
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import Lineage

_ABOUT = {"ModelBlessing": "current_model_id", "InfraBlessing": "validated_model_id"}
"""Type of a blessing → its property with the id of the model."""


def blessed_models(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Returns the live models whose last blessing, and last trial in a server if there was one, says yes."""
    said: dict[tuple[str, object], bool] = {}
    known = sorted(artifacts, key=lambda a: a.id)
    for one in known:
        if one.type in _ABOUT:
            said[one.type, one.properties.get(_ABOUT[one.type])] = one.properties.get("blessed") == 1
    models = [a for a in known if a.type == "Model" and a.state == "LIVE"]
    return [
        m for m in models if said.get(("ModelBlessing", m.id)) and said.get(("InfraBlessing", m.id), True)
    ]


def latest_blessed_model(artifacts: Iterable[Artifact]) -> Artifact | None:
    """Returns the newest live model that has a blessing, or None."""
    artifacts = list(artifacts)
    blessed = {
        a.properties.get("current_model_id")
        for a in artifacts
        if a.type == "ModelBlessing" and a.properties.get("blessed") == 1
    }
    models = [a for a in artifacts if a.type == "Model" and a.state == "LIVE" and a.id in blessed]
    return max(models, key=lambda a: a.id, default=None)


def has_earlier_statistics(
    executions: Iterable[Execution], artifacts: dict[int, Artifact], fingerprint: str, span: int
) -> bool:
    """Returns whether statistics of an earlier span exist or, without spans, of earlier data.

    Args:
        executions: All executions of the pipeline, oldest first.
        artifacts: All artifacts by id.
        fingerprint: Fingerprint of this run's StatisticsGen.
        span: This run's span, 0 where the export has none.
    """
    complete = [e for e in executions if e.node == "StatisticsGen" and e.state == "COMPLETE"]
    own = [i for e in complete if e.fingerprint == fingerprint for ids in e.outputs.values() for i in ids]
    newest = min(own, default=None)
    for execution in complete:
        for artifact in (artifacts[i] for ids in execution.outputs.values() for i in ids if i in artifacts):
            other = int(artifact.properties.get("span") or 0)
            earlier = other < span if other != span else not span and (newest is None or artifact.id < newest)
            if earlier and artifact.id not in own and artifact.state == "LIVE":
                return True
    return False


def newest_output(lineage: Lineage, node: str, key: str) -> Artifact:
    """Returns the newest live artifact that a node wrote under an output key.

    Raises:
        DataError: There is none.
    """
    known = lineage.artifacts()
    complete = [e for e in lineage.executions() if e.node == node and e.state == "COMPLETE"]
    made = [
        known[i] for e in complete for i in e.outputs.get(key, ()) if i in known and known[i].state == "LIVE"
    ]
    if not made:
        raise DataError(f"{node}.{key}", expected="a result", seen="none", remedy=f"penstock run --to {node}")
    return max(made, key=lambda a: a.id)
