"""``penstock eval``, ``versions``, ``rollback``, ``pin`` and ``unpin``: inspect and manage models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundation.errors import DataError
from foundation.numbers import apart, decimals, fixed
from foundation.stores.brought import looked_at
from foundation.stores.mirror import placed
from pipeline.cli.options import AsJson, Files, ModelName, open_session
from pipeline.cli.screen import moment, say, say_json, table

if TYPE_CHECKING:
    from components.evaluation_gate.result import Metric
    from components.pusher.versions import Version as PushedVersion
    from pipeline.runs.session import Session

Version = Annotated[int, typer.Argument(help="Version number.")]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command("eval")(evaluate)
    for command in (versions, rollback, pin, unpin):
        app.command()(command)


def evaluate(
    model: ModelName = None,
    file: Files = None,
    as_json: AsJson = False,
) -> None:
    """Show how a model did on the test split: metrics with intervals, slices, gates, verdict."""
    from components.evaluation_gate.beside import sentence
    from components.evaluation_gate.result import Verdict
    from pipeline.cli.history import pushed_model
    from pipeline.lineage.trace import find_model, trace

    session = open_session(file)
    store = session.lineage()
    found = find_model(store, pushed_model(session, model))
    verdicts = [a for step in trace(store, found).forth for a in step.gave if a.type == "Verdict"]
    if not verdicts:
        raise DataError(
            f"model {found.id}",
            expected="an evaluation",
            seen="none",
            remedy="penstock run --to EvaluationGate",
        )
    verdict = Verdict.read(looked_at(verdicts[-1].uri))
    if as_json:
        say_json(verdict.as_json())
        return
    say(verdict.sentence + "\n")
    if said := sentence(verdict):
        say(said + "\n")
    rows = (
        (m.slice, m.metric, value, _interval(m), baseline, m.rows)
        for m in verdict.metrics
        for value, baseline in (_numbers(m),)
    )
    table(("slice", "metric", "value", "95% interval", "baseline", "rows"), rows)


def _numbers(metric: Metric) -> tuple[str, str]:
    """Returns the value and the baseline, told apart if they differ."""
    if metric.value is None or metric.baseline is None:
        value, baseline = (
            "" if v is None else fixed(v, decimals(v) + 1) for v in (metric.value, metric.baseline)
        )
    else:
        value, baseline = apart([metric.value, metric.baseline], more=1)
    return value, baseline


def _interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return ""
    places = decimals(metric.value or metric.high, metric.high - metric.low) + 1
    return f"{fixed(metric.low, places)} to {fixed(metric.high, places)}"


def versions(file: Files = None, as_json: AsJson = False) -> None:
    """List the pushed versions, newest first; a server loads the newest."""
    from components.pusher.versions import versions as pushed_versions

    found = pushed_versions(_destination(open_session(file)))
    if as_json:
        say_json(
            [{"version": v.number, "path": v.path, "current": v.current, **asdict(v.entry)} for v in found]
        )
        return
    rows = ((v.number, moment(v.entry.pushed_at), _remarks(v)) for v in found)
    table(("version", "pushed", ""), rows)


def _remarks(version: PushedVersion) -> str:
    entry = version.entry
    before = entry.rollback_of or entry.again_of
    back = f"holds version {before} again" if before else ""
    run = f"of run {entry.run}" if entry.run else ""
    marks = ["current" if version.current else "", "pinned" if entry.pinned else "", back, run]
    return ", ".join(m for m in marks if m)


def rollback(
    to: Annotated[
        int | None, typer.Option("--to", help="Version to roll back to; default: the one before the newest.")
    ] = None,
    file: Files = None,
) -> None:
    """Push an older version again, so that servers load it."""
    from components.pusher.versions import rollback as roll

    done = roll(_destination(open_session(file)), to)
    say(f"Version {done.number} holds the model of version {done.entry.rollback_of} and is the newest now.")


def pin(version: Version, file: Files = None) -> None:
    """Keep a version for good: keep_versions never removes it."""
    from components.pusher.versions import pin as keep

    keep(_destination(open_session(file)), version)
    say(f"Version {version} is pinned.")


def unpin(version: Version, file: Files = None) -> None:
    """Let keep_versions remove a pinned version again."""
    from components.pusher.versions import unpin as release

    release(_destination(open_session(file)), version)
    say(f"Version {version} is no longer pinned.")


def _destination(session: Session) -> Path:
    push = session.loaded.spec.push
    if push is None:
        raise DataError(
            "this document",
            expected="a 'push' section",
            seen="none",
            remedy="add push: {to: serving_models/}",
        )
    return placed(push.to, session.loaded.folder)
