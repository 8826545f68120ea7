"""``penstock experiment promote``, ``rollback`` and ``readmit``: what a person decides about an arm."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.experiment.life import Name, asked
from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.options import local, open_session
from pipeline.cli.screen import say

if TYPE_CHECKING:
    from serving.experiments.control.actions import Asked
    from serving.promotion.promotion import LabelPromoter
    from serving.promotion.records import Recorder, Transition

Pipeline = Annotated[
    Path | None,
    typer.Option(
        "--pipeline",
        callback=local,
        help="Document of the pipeline that pushed the models, whose lineage records this; default: pipeline.yaml beside "
        "the document, if there is one.",
    ),
]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(promote)
    app.command()(rollback)
    app.command()(readmit)


def promote(
    name: Name,
    arm: Annotated[
        str, typer.Argument(help="The arm; default: the verdict's, or the only one besides control.")
    ] = "",
    label: Annotated[
        str, typer.Option(help="The label to move; default: control's, or the one at control's version.")
    ] = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Promote although the verdict is another.")
    ] = False,
    pipeline: Pipeline = None,
    file: Document = DOCUMENT,
    overrides: Overrides = None,
) -> None:
    """Let an arm answer everything, and move the servers' label of control's version to the arm's."""
    with asked(file, overrides, name) as what, _promoter(what, file.parent, pipeline) as promoter:
        say(promoter.promote(what, arm, label, anyway=anyway))


def rollback(
    name: Name,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Move the label back even if somebody else has moved it since.")
    ] = False,
    pipeline: Pipeline = None,
    file: Document = DOCUMENT,
    overrides: Overrides = None,
) -> None:
    """Let control answer everything, and move back the label that a promotion moved."""
    with asked(file, overrides, name) as what, _promoter(what, file.parent, pipeline) as promoter:
        say(promoter.rollback(what, anyway=anyway))


def readmit(
    name: Name,
    arm: Annotated[str, typer.Argument(metavar="ARM", help="The arm that was taken out.")],
    file: Document = DOCUMENT,
    overrides: Overrides = None,
) -> None:
    """Let an arm in again that a guardrail took out; its units come back, and its record begins anew."""
    from serving.experiments.control import actions

    with asked(file, overrides, name) as what:
        actions.readmit(what, arm)
        say(what.store.events(name, limit=1)[-1].text + ".")


@contextlib.contextmanager
def _promoter(what: Asked, folder: Path, pipeline: Path | None) -> Iterator[LabelPromoter]:
    from serving.experiments.guardrails.alerts import Alerts
    from serving.promotion.promotion import LabelPromoter
    from serving.promotion.verdict import verdict_or_why

    alerts = Alerts(what.document.alert)
    try:
        yield LabelPromoter(
            folder, lambda of: verdict_or_why(of, folder), _recorder(folder, pipeline), alerts
        )
    finally:
        alerts.close(what.document.alert.timeout if what.document.alert else 0.0)


def _recorder(folder: Path, pipeline: Path | None) -> Recorder | None:
    usual = folder / "pipeline.yaml"
    if pipeline is None and not usual.exists():
        return None
    session = open_session([pipeline or usual])

    def record(transition: Transition) -> str:
        from pipeline.lineage.promotions import record_transition

        spec = session.loaded.spec
        return record_transition(spec.metadata, session.root, spec.name, transition.to_json())

    return record
