"""``penstock status``, ``runs``, ``show``, ``lineage`` and ``diff``: questions about what has run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundation.stores.mirror import address_of, placed
from pipeline.cli.options import AsJson, Files, ModelName, open_session
from pipeline.cli.screen import moment, say, say_json, seconds, table

if TYPE_CHECKING:
    from components.pusher.versions import Version
    from pipeline.lineage.records import Artifact
    from pipeline.lineage.trace import Step
    from pipeline.runs.book import RunRecord
    from pipeline.runs.session import Session


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    for command in (status, runs, show, lineage, diff):
        app.command()(command)


def status(file: Files = None, as_json: AsJson = False) -> None:
    """Show the pipeline's state: the last run, the blessed model, the served version, what runs are forked from."""
    session = open_session(file)
    state = _status(session)
    if as_json:
        say_json(state)
        return
    for key, value in state.items():
        say(f"{key:<14} {value}")


def _status(session: Session) -> dict[str, Any]:
    from components.pusher.versions import versions
    from pipeline.lineage.queries import latest_blessed_model
    from pipeline.runners.base import runner_for

    spec = session.loaded.spec
    newest = session.runs.all()[-1:]
    last = (
        f"{newest[0].id}: {newest[0].state}, {moment(newest[0].started)}"
        if newest
        else "none yet: 'penstock run'"
    )
    blessed = latest_blessed_model(session.lineage().artifacts().values())
    pushed = versions(placed(spec.push.to, session.loaded.folder)) if spec.push else []
    return {
        "pipeline": spec.name,
        "last run": last + (f" ({newest[0].error})" if newest and newest[0].error else ""),
        "blessed model": f"artifact {blessed.id}, {moment(blessed.created)}" if blessed else "none",
        "served version": _served(pushed[0]) if pushed else "none",
        "schema": "reviewed" if session.schema_file.exists() else "not reviewed yet",
        "root": address_of(session.root),
        "zygote": "; ".join(map(str, runner_for(spec.run.orchestrator).standing())) or "none",
    }


def _served(version: Version) -> str:
    run = f", of run {version.entry.run}" if version.entry.run else ""
    return f"{version.number}{run}"


def runs(file: Files = None, as_json: AsJson = False) -> None:
    """List all runs, newest last."""
    found = open_session(file).runs.all()
    if as_json:
        say_json([r.as_json() for r in found])
        return
    rows = ((r.id, r.state, moment(r.started), seconds(r.seconds), _did(r), r.error[:80]) for r in found)
    table(("run", "state", "started", "time", "nodes", "error"), rows)


def _did(run: RunRecord) -> str:
    states = [n.state for n in run.nodes if n.action != "resolve"]
    return f"{states.count('done')} run, {states.count('cached')} cached"


def show(
    run: Annotated[
        str | None, typer.Argument(help="Run id, or the start of one; default: the newest run.")
    ] = None,
    file: Files = None,
    as_json: AsJson = False,
) -> None:
    """Show one run: its nodes, its artifacts, its verdicts."""
    from components.evaluation_gate.beside import sentence
    from components.evaluation_gate.result import Verdict
    from components.infra_validator.result import InfraValidation
    from pipeline.runs.results import RunResults

    session = open_session(file)
    record = session.runs.find(run)
    results = RunResults.of(session.lineage(), record.id)
    found = results.artifacts
    verdicts = {"verdict": results.find(Verdict), "serving": results.find(InfraValidation)}
    if as_json:
        artifacts = {f"{node}.{key}": asdict(a) for (node, key), a in found.items()}
        said = {name: verdict.as_json() if verdict else None for name, verdict in verdicts.items()}
        say_json({**record.as_json(), "artifacts": artifacts, **said})
        return
    say(f"Run {record.id}: {record.state}, {moment(record.started)}, {seconds(record.seconds)}")
    nodes = [n for n in record.nodes if n.action != "resolve"]
    table(("node", "state", "time", "why"), ((n.node, n.state, seconds(n.seconds), n.reason) for n in nodes))
    say()
    table(
        ("artifact", "id", "type", "uri"),
        ((f"{n}.{k}", a.id, a.type, _where(a)) for (n, k), a in found.items()),
    )
    for verdict in verdicts.values():
        if verdict:
            say("\n" + verdict.sentence)
        if isinstance(verdict, Verdict) and (beside := sentence(verdict)):
            say(beside)
    if record.report:
        say(f"Report: {session.runs.report(record)}")


def _where(artifact: Artifact) -> str:
    """Returns the folder of an artifact, or that it says only what was not done."""
    withheld = {"pushed": "nothing was pushed", "predicted": "nothing was predicted"}
    undone = [said for key, said in withheld.items() if artifact.properties.get(key) == 0]
    return undone[0] if undone else artifact.uri


def lineage(
    model: ModelName = None,
    file: Files = None,
    as_json: AsJson = False,
) -> None:
    """Trace a model back to the export's files and forward to where it was pushed."""
    from pipeline.lineage.trace import find_model, trace
    from pipeline.runs.environment import made_with

    session = open_session(file)
    store = session.lineage()
    whole = trace(store, find_model(store, pushed_model(session, model)))
    for step in whole.back:
        step.detail.update(made_with(step, session.runs))
    if as_json:
        say_json(asdict(whole))
        return
    say(f"Model {whole.model.id}  {whole.model.uri}")
    say("\nIt comes from")
    for step in whole.back:
        _say_step(step)
    say("\nIt went to")
    for step in whole.forth:
        _say_step(step)


def pushed_model(session: Session, name: str | None) -> str | None:
    """Returns the version whose content a rolled-back version holds; any other name unchanged."""
    push = session.loaded.spec.push
    if name is None or not push or not Path(name).name.isdigit():
        return name
    from components.pusher.versions import versions

    back = {v.number: v.entry.rollback_of for v in versions(placed(push.to, session.loaded.folder))}
    return str(back.get(int(Path(name).name)) or name)


def _say_step(step: Step) -> None:
    say(f"  {step.node:<20} execution {step.execution}, run {step.run}")
    for key, value in step.detail.items():
        shown = (
            ", ".join(map(str, value[:5])) + (f" and {len(value) - 5} more" if len(value) > 5 else "")
            if isinstance(value, list)
            else value
        )
        say(f"    {key}: {shown}")


def diff(
    before: Annotated[str, typer.Argument(help="Run id, or the start of one.")],
    after: Annotated[str, typer.Argument(help="The run to compare it with.")],
    file: Files = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs: what changed in document, data and code, and how the results differ."""
    from pipeline.runs.compare import compare, shown

    session = open_session(file)
    found = compare(session.lineage(), session.runs.find(before), session.runs.find(after))
    if as_json:
        say_json([asdict(d) for d in found])
        return
    if not found:
        say("No difference.")
        return
    table(("", "what", "before", "after"), ((d.kind, d.what, *shown(d.before, d.after)) for d in found))
