"""Resolver strategies that always give the same answer for the same run, so that an unchanged run stays cached.

TFX's own latest-blessed strategy resolves a model to itself once that model is blessed. These look only at artifacts
older than the one they compare.
"""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.common import resolver
from tfx.types import artifact

Artifacts = dict[str, list[artifact.Artifact]]


class BlessedBeforeStrategy(resolver.ResolverStrategy):
    """Finds the latest blessed model that is older than the candidate and was not found unfit to serve.

    Inputs are ``candidate`` (this run's model) and all of ``model``, ``model_blessing`` and ``infra_blessing``. All
    outputs except the candidate's are empty if no earlier model is blessed. A model that infra validation refused was
    never pushed; as a baseline it would let the next equally slow model pass.
    """

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Returns the candidate unchanged, and the baseline with its blessing."""
        candidates = input_dict["candidate"]
        newest = min((a.id for a in candidates), default=0)
        blessings = {
            a.get_int_custom_property("current_model_id"): a
            for a in input_dict["model_blessing"]
            if a.get_int_custom_property("blessed") == 1
        }
        served = _by_model(input_dict.get("infra_blessing", []))
        refused = {model for model, a in served.items() if a.get_int_custom_property("blessed") != 1}
        older = [
            m for m in input_dict["model"] if m.id < newest and m.id in blessings and m.id not in refused
        ]
        baseline = max(older, key=lambda m: m.id, default=None)
        found = [baseline] if baseline else []
        said = {"infra_blessing": [served[m.id] for m in found if m.id in served]}
        return {
            "candidate": candidates,
            "model": found,
            "model_blessing": [blessings[m.id] for m in found],
            **{key: artifacts for key, artifacts in said.items() if key in input_dict},
        }


class BlessedNowStrategy(resolver.ResolverStrategy):
    """Finds the model to predict with: this run's if it is blessed and fit to serve, else the last one that was.

    Inputs are ``candidate``, ``verdict`` and ``served`` (this run's model and what was said of it) and all of ``model``,
    ``model_blessing`` and ``infra_blessing``. Where no model is blessed, the candidate is found with the verdict that refused it,
    so that the node after it can say why.
    """

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Returns one model with its blessing and, if it was served, what was said of it."""
        blessings = _by_model(input_dict["model_blessing"], "current_model_id")
        served = _by_model(input_dict.get("infra_blessing", []))
        fit = [
            model
            for model in input_dict["model"]
            if _says_yes(blessings.get(model.id)) and (model.id not in served or _says_yes(served[model.id]))
        ]
        candidates = input_dict.get("candidate", [])
        own = [model for model in fit if model.id in {candidate.id for candidate in candidates}]
        chosen = max(own or fit, key=lambda model: model.id, default=None)
        if chosen is None:
            said = {
                "model_blessing": input_dict.get("verdict", []),
                "infra_blessing": input_dict.get("served", []),
            }
            return {**input_dict, "model": candidates, **said}
        said = {
            "model_blessing": [blessings[chosen.id]],
            "infra_blessing": [served[chosen.id]] if chosen.id in served else [],
        }
        return {**input_dict, "model": [chosen], **said}


def _says_yes(blessing: artifact.Artifact | None) -> bool:
    return blessing is not None and blessing.get_int_custom_property("blessed") == 1


def _by_model(
    blessings: list[artifact.Artifact], key: str = "validated_model_id"
) -> dict[int, artifact.Artifact]:
    """Returns model → its latest blessing."""
    ordered = sorted(blessings, key=lambda a: a.id)
    return {a.get_int_custom_property(key): a for a in ordered}


class PreviousStatisticsStrategy(resolver.ResolverStrategy):
    """Finds the statistics of the previous span, or without spans the previous statistics.

    Inputs are ``current`` (this run's statistics), ``previous`` (all statistics) and ``examples`` (all examples); the
    outputs ``previous`` and ``examples`` hold one artifact or none.
    """

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Returns the current statistics unchanged, and the previous ones with the rows they were made from."""
        current = input_dict["current"]
        before = [
            a
            for a in input_dict["previous"]
            if current and precedes(a.span, a.id, current[0].span, current[0].id)
        ]
        latest = max(before, key=lambda a: (a.span or 0, a.id), default=None)
        examples = _made_from(store, latest, input_dict.get("examples", [])) if latest else []
        return {"current": current, "previous": [latest] if latest else [], "examples": examples}


def _made_from(
    store: Any, made: artifact.Artifact, candidates: list[artifact.Artifact]
) -> list[artifact.Artifact]:
    """Returns those of the artifacts that the execution which made one took as input."""
    if not candidates:
        return []
    makers = {e.execution_id for e in store.get_events_by_artifact_ids([made.id]) if _is_output(e)}
    inputs = {e.artifact_id for e in store.get_events_by_execution_ids(sorted(makers)) if not _is_output(e)}
    return [one for one in candidates if one.id in inputs]


def _is_output(event: Any) -> bool:
    return event.type in (event.OUTPUT, event.DECLARED_OUTPUT)


def precedes(span: int | None, artifact_id: int, current_span: int | None, current_id: int) -> bool:
    """Returns whether an artifact is earlier than the current one: by span, or by age if spans are equal."""
    if (span or 0) != (current_span or 0):
        return (span or 0) < (current_span or 0)
    return not current_span and artifact_id < current_id
