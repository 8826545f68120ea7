"""``penstock experiment export``, ``warmup`` and ``dashboard``: what becomes of the prediction log and the metrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundation.errors import SpecError, near_miss
from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.options import local
from pipeline.cli.screen import say, say_json

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.log.config import LogConfig
    from serving.experiments.log.documents import Shape
    from serving.experiments.log.labels import Label

Name = Annotated[str, typer.Argument(help="The experiment.")]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(export)
    app.command()(warmup)
    app.command()(dashboard)


def export(
    name: Name,
    to: Annotated[
        Path, typer.Option("--to", callback=local, help="Folder to write, such as exports/learners/{SPAN}.")
    ],
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    pipeline: Annotated[
        Path | None,
        typer.Option(
            "--pipeline",
            "-p",
            callback=local,
            help="A pipeline's document: its data.fields say the paths and types.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            help="A .csv, .jsonl or .parquet file with request_id or unit; default: the rewards.",
        ),
    ] = None,
    label: Annotated[
        str, typer.Option(help="Name of the label; default: the pipeline's, else the reward's metric.")
    ] = "",
    holdout: Annotated[
        str, typer.Option(help="Share of units to leave out, always the same ones, such as 10%.")
    ] = "0%",
    only_holdout: Annotated[bool, typer.Option("--only-holdout", help="Write just those instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the logged predictions with their rewards as an export that a pipeline reads."""
    from foundation.quantities import share_of
    from serving.experiments.log.export import export as write

    document, experiment, log = _logged(name, file, overrides)
    shape, feature = _shape(pipeline)
    named = label or feature or (experiment.reward.metric if experiment.reward else "")
    if not named:
        raise SpecError(
            f"experiments.{name}",
            expected="a reward, or --label",
            seen="neither",
            remedy="name the label with --label",
        )
    try:
        share = float(share_of(holdout))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--holdout") from error
    found = _labels(name, document, experiment, file.parent, labels, named)
    made = write(file.parent / log.directory, name, found, to, named, shape, share, only_holdout)
    if as_json:
        say_json(
            {"folder": str(made.folder), "rows": made.rows, "arms": made.arms, "left_out": made.left_out}
        )
        return
    arms = ", ".join(f"{count} of {arm}" for arm, count in sorted(made.arms.items()))
    say(f"wrote {made.folder}: {made.rows} row(s), {arms}; label {named}")
    for reason, count in made.left_out.items():
        say(f"left out: {count} {reason}")


def warmup(
    name: Name,
    version: Annotated[
        Path, typer.Argument(callback=local, help="The version's folder, such as serving_models/learner/3.")
    ],
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    records: Annotated[
        int, typer.Option(min=1, max=1000, help="Requests to write: recent ones, each once.")
    ] = 100,
) -> None:
    """Write what clients sent into a version, for a server to replay before it answers with it."""
    from serving.experiments.log.warmup import write_warmup

    _, _, log = _logged(name, file, overrides)
    made = write_warmup(file.parent / log.directory, name, version, records)
    say(f"wrote {made.file}: {made.records} request(s)")
    for column, rows in sorted(made.filled.items()):
        say(
            f"input {column}: {rows} row(s) without a value of its type in the log; zero or an empty text instead"
        )


def dashboard() -> None:
    """Print the Grafana dashboard of the router's and the server's /metrics, to be imported as it is."""
    from serving.experiments.metrics.dashboard import text

    typer.echo(text(), nl=False)


def _logged(
    name: str, file: Path, overrides: list[str] | None
) -> tuple[ExperimentsDocument, ExperimentConfig, LogConfig]:
    """Returns the document, an experiment of it, and its log.

    Raises:
        SpecError: There is no such experiment, or no log.
    """
    from serving.experiments.document.reader import read_document

    document = read_document(file, overrides or [])
    if name not in document.experiments:
        known = list(document.experiments)
        raise SpecError(
            f"{file}: experiment {name}",
            expected=", ".join(known) or "an experiment",
            seen="no such experiment",
            remedy=near_miss(name, known),
        )
    if document.log is None:
        raise SpecError(
            f"{file}: log",
            expected="a section log",
            seen="none",
            remedy="add 'log: {directory: predictions}'",
        )
    return document, document.experiments[name], document.log


def _labels(
    name: str,
    document: ExperimentsDocument,
    experiment: ExperimentConfig,
    folder: Path,
    file: Path | None,
    label: str,
) -> list[Label]:
    from serving.experiments.log.labels import from_file, from_store

    if file is not None:
        return from_file(file, label, document.salt(experiment.layer))
    if experiment.reward is None:
        raise SpecError(f"experiments.{name}.reward", expected="a reward, or --labels", seen="neither")
    from serving.experiments.state.open import open_store

    store = open_store(document.state, folder)
    try:
        return from_store(store, name, experiment.reward.counted)
    finally:
        store.close()


def _shape(pipeline: Path | None) -> tuple[Shape, str]:
    """Returns how features become the documents of a pipeline, and the name of its label."""
    from serving.experiments.log.documents import Shape

    if pipeline is None:
        return Shape(), ""
    from components.exports.fields import feature_name
    from pipeline.document.loader import load

    data = load([pipeline]).spec.data
    paths = {feature_name(path, field): path for path, field in data.fields.items()}
    types = {feature_name(path, field): field.type for path, field in data.fields.items() if field.type}
    at = paths.get(data.recorded_at, "") if data.recorded_at else ""
    key = data.split.by
    return Shape(paths, types, "" if key == "_id" else key, at), data.label
