"""The commands of ``penstock announce``: a new export, enough new labels, an alarm."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundation.errors import SpecError
from pipeline.cli.options import AsJson, Files, Overrides, local
from pipeline.cli.screen import moment, say, say_json

if TYPE_CHECKING:
    from pipeline.announce.news import News
    from pipeline.cli.announce.sending import Pipeline

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="PENSTOCK_HOME",
        callback=local,
        help="Folder that relative paths of data start from; default: the document's.",
    ),
]
Root = Annotated[
    str | None,
    typer.Option("--root", envvar="PENSTOCK_ROOT", help="The pipeline root in place of the document's."),
]

_LONGEST_ALERT = 100_000
"""Characters of standard input that are read."""

Patience = Annotated[
    float, typer.Option(min=0, help="Seconds to try again for, where Airflow does not answer.")
]
PATIENCE = 30.0
"""Airflow 3.3 cannot list an asset's events while a run that one of them has started waits in its queue."""


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    for command in (export, labels, alarm):
        app.command()(command)


def export(
    span: Annotated[int | None, typer.Option(help="The span; default: the newest that is there.")] = None,
    file: Files = None,
    set_: Overrides = None,
    home: Home = None,
    patience: Patience = PATIENCE,
    as_json: AsJson = False,
) -> None:
    """Announce a complete export: the newest that data.mongo_export matches, unless it has been announced."""
    from pipeline.announce.exports import new_export
    from pipeline.cli.announce.sending import opened, or_retry, send

    pipeline = opened("export", file, set_, home, None)
    send(pipeline, or_retry(lambda: new_export(pipeline.spec, pipeline.home, span)), as_json, patience)


def labels(
    experiments: Annotated[
        list[str], typer.Argument(metavar="EXPERIMENT...", help="Whose rewards the training learns from.")
    ],
    document: Annotated[
        Path,
        typer.Option(
            "--experiments", callback=local, help="The document of experiments, which names their state."
        ),
    ] = Path("experiments.yaml"),
    file: Files = None,
    set_: Overrides = None,
    home: Home = None,
    root: Root = None,
    patience: Patience = PATIENCE,
    as_json: AsJson = False,
) -> None:
    """Count the labels since the last training, and announce them once production.retrain.new_labels is reached."""
    from pipeline.announce.labels import last_training, new_labels
    from pipeline.cli.announce.sending import opened, or_retry, send

    pipeline = opened("labels", file, set_, home, root)
    enough = pipeline.spec.production.enough_labels
    training = or_retry(lambda: last_training(pipeline.lineage()))
    since = training.read_at if training else 0.0
    count = or_retry(lambda: _count(document, set(experiments), since))
    news = new_labels(experiments, count, enough, training)
    if count < enough and as_json:
        say_json({"sent": False, "extra": dict(news.extra)})
    if not as_json:
        after = (
            f"since {moment(since)}, when the data of run {training.run} was read"
            if training
            else "before any training"
        )
        say(f"{count:,} new labels {after}; {enough:,} start a run.")
    if count >= enough:
        send(pipeline, news, as_json, patience)


def _count(document: Path, experiments: set[str], since: float) -> int:
    """Returns how many labels of experiments have come since a moment.

    Raises:
        SpecError: There is no such experiment, or it has no reward.
        DataError: The state does not know it.
        StorageError: The state cannot be used.
    """
    from serving.experiments.document.reader import read_document
    from serving.experiments.log.labels import count_since
    from serving.experiments.state.open import open_store

    read = read_document(document, [])
    store = open_store(read.state, document.parent)
    try:
        return sum(count_since(store, read, name, since) for name in experiments)
    finally:
        store.close()


def alarm(
    name: Annotated[str, typer.Argument(help="Name of the alarm; the same name is the same alarm.")] = "",
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")] = "",
    alert: Annotated[
        bool,
        typer.Option("--alert", help="Take it from standard input: as the command of an experiments' alert."),
    ] = False,
    validation: Annotated[
        bool, typer.Option("--validation", help="Anomalies and drift that the last validation has found.")
    ] = False,
    quiet: Annotated[
        str, typer.Option(help="How long the same alarm is not sent again; not for --validation.")
    ] = "1d",
    patience: Patience = PATIENCE,
    file: Files = None,
    set_: Overrides = None,
    home: Home = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Announce an alarm: by name and reason, of an experiment's guardrails, or of the data's validation."""
    from foundation.quantities import seconds_of
    from pipeline.cli.announce.sending import opened, or_retry, send

    if [bool(name), alert, validation].count(True) != 1 or bool(name) != bool(reason):
        raise SpecError(
            "the alarm",
            expected="NAME with --reason, --alert, or --validation",
            seen="several or none of them",
            remedy="such as: penstock announce alarm accuracy --reason 'below 0.7 for three days'",
        )
    try:
        seconds = float(seconds_of(quiet))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quiet") from error
    pipeline = opened("alarm", file, set_, home, root)
    found = or_retry(lambda: _found(pipeline, name, reason, alert, seconds))
    if not isinstance(found, str):
        send(pipeline, found, as_json, patience)
    elif as_json:
        say_json({"sent": False, "why": found})
    else:
        say(f"{found}: nothing is sent.")


def _found(pipeline: Pipeline, name: str, reason: str, alert: bool, quiet: float) -> News | str:
    """Returns the news of an alarm, or why there is none."""
    from pipeline.announce import alarms

    if name:
        return alarms.alarm(name, reason, quiet)
    if not alert:
        found = alarms.of_validation(pipeline.lineage(), pipeline.root)
        return found or "the last validation found neither anomalies nor drift"
    from serving.experiments.guardrails.alerts import ALARMS

    told = alarms.of_experiment(sys.stdin.read(_LONGEST_ALERT), ALARMS, quiet)
    return f"the alert is of the kind {told}, no alarm" if isinstance(told, str) else told
