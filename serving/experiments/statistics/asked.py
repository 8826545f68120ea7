"""Answers ``penstock experiment decide``: from the state of the experiment to a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from foundation.errors import SpecError, near_miss
from serving.experiments.guardrails.missing import take_closed
from serving.experiments.state.lifecycle import Phase, read_lifecycle, results_key
from serving.experiments.state.open import open_store
from serving.experiments.statistics.decide import decide
from serving.experiments.statistics.design import design_of
from serving.experiments.statistics.evidence import Evidence
from serving.experiments.statistics.words import NOBODY_FLIP, nobody_yet

if TYPE_CHECKING:
    from pathlib import Path

    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.state.store import Store
    from serving.experiments.statistics.design import Design
    from serving.experiments.statistics.verdict import Verdict

EVIDENCE = "evidence"
"""Key of the evidence in the document of an experiment's results, beside ``cursor``."""


def design_in(document: ExperimentsDocument, name: str) -> Design:
    """Returns the design of an experiment of a document.

    Raises:
        SpecError: There is no such experiment, or it has no reward.
    """
    experiment = named(document, name)
    if experiment.reward is None:
        raise SpecError(
            f"experiment {name}",
            expected="a reward, which arms are compared by",
            seen="none",
            remedy="add reward: {metric: …, window: …}",
        )
    by_request = bool(experiment.unit.request)
    return design_of(experiment.arms, experiment.control, experiment.reward, experiment.planned, by_request)


def named(document: ExperimentsDocument, name: str) -> ExperimentConfig:
    """Returns an experiment by its name.

    Raises:
        SpecError: There is no such experiment.
    """
    found = document.experiments.get(name)
    if found is None:
        known = list(document.experiments)
        raise SpecError(
            f"experiment {name}",
            expected=f"one of {', '.join(known)}" if known else "an experiment in the document",
            seen="no such experiment",
            remedy=near_miss(name, known) or "'penstock experiment check' lists them",
        )
    return found


def verdict_of(document: ExperimentsDocument, folder: Path, name: str) -> Verdict:
    """Returns the verdict on an experiment from its state.

    Args:
        document: The document of experiments.
        folder: Its folder.
        name: The experiment's name.

    Raises:
        SpecError: There is no such experiment, or it has no reward.
        StorageError: The state cannot be read.
    """
    design = design_in(document, name)
    store = open_store(document.state, folder)
    try:
        counts, life = store.pending(name), read_lifecycle(store, name)
        evidence = caught_up(store, name, design)
        pending = {arm: each.pending for arm, each in counts.items()}
        removed = {arm: out.reason for arm, out in life.out.items()}
        verdict = decide(evidence, pending, evidence.rate(store.now()), removed)
        if any(each.units for each in counts.values()):
            return verdict
        return replace(verdict, sentence=nobody_yet(name, life.phase is Phase.DRAFT), flip=NOBODY_FLIP)
    finally:
        store.close()


def caught_up(store: Store, name: str, design: Design) -> Evidence:
    """Returns the stored evidence with the units that have closed since; nothing is written."""
    found = store.read(results_key(name))
    stored = found[1] if found else {}
    evidence = Evidence.from_json(design, stored.get(EVIDENCE))
    cursor = int(stored.get("cursor", 0)) if stored.get(EVIDENCE) else 0
    out = read_lifecycle(store, name).out
    while True:
        rows, after = store.matured(name, cursor)
        take_closed(evidence, rows, out)
        if after == cursor:
            break
        cursor = after
    while catch_up_assigned(evidence, store, name):
        pass
    return evidence


def catch_up_assigned(evidence: Evidence, store: Store, name: str) -> bool:
    """Takes the units that were assigned since the evidence's own cursor; returns whether there may be more."""
    rows, after = store.assigned(name, evidence.cursor)
    evidence.assign(rows)
    moved, evidence.cursor = after != evidence.cursor, after
    return moved
