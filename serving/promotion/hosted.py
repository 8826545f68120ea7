"""Promotion and rollback over HTTP, in a router's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.promotion.promotion import LabelPromoter
from serving.promotion.verdict import verdict_or_why

if TYPE_CHECKING:
    from serving.experiments.live.live import Live
    from serving.promotion.records import Transition


def promoter_of(live: Live) -> LabelPromoter:
    """Returns what promotes and rolls back the experiments of a process."""
    folder = live.followed.path.resolve().parent
    return LabelPromoter(folder, lambda asked: verdict_or_why(asked, folder), _no_lineage, live.alerts)


def _no_lineage(transition: Transition) -> str:
    """Says that a router has no lineage: that belongs to the pipeline, and so to the command line."""
    command = "promote" if transition.kind == "promoted" else "rollback"
    return f"it is not in the lineage, which only 'penstock experiment {command}' writes"
