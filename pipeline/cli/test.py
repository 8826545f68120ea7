"""``penstock test …``: proofs to run before a pipeline is deployed, on a laptop and in CI alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.options import AsJson, Files, Overrides
from pipeline.cli.screen import say, say_json

app = typer.Typer(
    help="Prove that the pipeline does what it must: each command says what it measured and exits with 0 or 1."
)
AtLeast = Annotated[list[str] | None, typer.Option("--at-least", help="Lower bound of a metric: auc=0.7")]
AtMost = Annotated[list[str] | None, typer.Option("--at-most", help="Upper bound of a metric: log_loss=0.5")]


@app.command()
def features(file: Files = None, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Run the project's tests, and hold the examples of tests/features.yaml against Transform."""
    _prove("features", file, set_, as_json)


@app.command()
def learns(file: Files = None, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Check that the newest run's loss fell, and that the model learns: 32 rows by heart, and others better than by chance."""
    _prove("learns", file, set_, as_json)


@app.command()
def artifacts(file: Files = None, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Check that every artifact of the newest run exists and can be read."""
    _prove("artifacts", file, set_, as_json)


@app.command()
def speed(
    file: Files = None,
    set_: Overrides = None,
    qps: Annotated[float, typer.Option(min=0, help="Lower bound of queries a second.")] = 100,
    p99_ms: Annotated[float, typer.Option(min=0, help="Upper bound of a query's p99 in milliseconds.")] = 100,
    for_: Annotated[float, typer.Option("--seconds", min=0.1, help="How long to ask.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Measure queries a second of the newest run's model in the embedded server: 4 clients by gRPC."""
    _prove("speed", file, set_, as_json, qps=qps, p99_ms=p99_ms, seconds=for_)


@app.command()
def accuracy(
    file: Files = None,
    set_: Overrides = None,
    at_least: AtLeast = None,
    at_most: AtMost = None,
    as_json: AsJson = False,
) -> None:
    """Hold the newest run's model against the gates of the document, and against bounds given here."""
    _prove("accuracy", file, set_, as_json, at_least=at_least, at_most=at_most)


@app.command()
def deployment(file: Files = None, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Compile the bundle twice, serve the newest run's model, and hold its contract against the version pushed last."""
    _prove("deployment", file, set_, as_json)


@app.command()
def pipeline(file: Files = None, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Run the data's part on copies: a rerun does nothing, a bad document is set aside, an anomaly ends the run."""
    _prove("pipeline", file, set_, as_json)


def _prove(name: str, file: list[Path] | None, set_: list[str] | None, as_json: bool, **limits: Any) -> None:
    """Runs a proof and prints its findings.

    Raises:
        Exit: One of them did not pass; code 1.
    """
    from pipeline.proving.base import Project, proof

    project = Project(file or [Path("pipeline.yaml")], set_ or [], limits)
    found = []
    for one in proof(name)(project):
        found.append(one)
        if not as_json:
            say(f"{'ok  ' if one.passed else 'FAIL'}  {one.what}: {one.measured}; expected: {one.expected}")
    passed = bool(found) and all(one.passed for one in found)
    if as_json:
        say_json({"test": name, "passed": passed, "findings": [vars(one) for one in found]})
    elif passed:
        say(f"{name}: all {len(found)} as expected.")
    else:
        say(f"{name}: {sum(not one.passed for one in found)} of {len(found)} not as expected.")
    if not passed:
        raise typer.Exit(1)
