"""Promotion and rollback over HTTP, in a router's process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from serving.client.errors import CallError
from serving.experiments.control.answers import RefusedError
from serving.promotion.move import PromotionError
from serving.promotion.promotion import LabelPromoter
from serving.promotion.verdict import verdict_or_why

if TYPE_CHECKING:
    from serving.experiments.control.actions import Asked
    from serving.experiments.live.live import Live
    from serving.promotion.records import Transition


class HostedPromoter(LabelPromoter):
    """The same, with statuses for what is refused: 409 for a verdict or a label, 502 for a server that does not follow."""

    def promote(self, asked: Asked, arm: str = "", label: str = "", *, anyway: bool = False) -> str:
        """Lets an arm answer everything; see ``LabelPromoter``."""
        with _refused():
            return super().promote(asked, arm, label, anyway=anyway)

    def rollback(self, asked: Asked, *, anyway: bool = False) -> str:
        """Lets control answer everything; see ``LabelPromoter``."""
        with _refused():
            return super().rollback(asked, anyway=anyway)


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (PromotionError, CallError) as error:
        status = 409 if isinstance(error, PromotionError) else 502
        raise RefusedError(
            status, error.subject, expected=error.expected, seen=error.seen, remedy=error.remedy
        ) from error


def promoter_of(live: Live) -> HostedPromoter:
    """Returns what promotes and rolls back the experiments of a process."""
    folder = live.followed.path.resolve().parent
    return HostedPromoter(folder, lambda asked: verdict_or_why(asked, folder), _no_lineage, live.alerts)


def _no_lineage(transition: Transition) -> str:
    """Says that a router has no lineage: that belongs to the pipeline, and so to the command line."""
    command = "promote" if transition.kind == "promoted" else "rollback"
    return f"it is not in the lineage, which only 'penstock experiment {command}' writes"
