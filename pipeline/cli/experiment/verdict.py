"""``penstock experiment decide``, ``simulate`` and ``estimate``: what was shown, what would be, and what would have been."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.screen import say, say_json

Name = Annotated[str, typer.Argument(metavar="NAME", help="The experiment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(decide)
    app.command()(simulate)
    app.command()(estimate)


def decide(name: Name, file: Document = DOCUMENT, overrides: Overrides = None, as_json: Json = False) -> None:
    """Say in one sentence whether to promote an arm, to keep control or to wait; may be asked at any time."""
    from serving.experiments.document.reader import read_document
    from serving.experiments.statistics.asked import verdict_of

    verdict = verdict_of(read_document(file, overrides or []), file.parent, name)
    if as_json:
        say_json(verdict.to_json())
        return
    say(f"{name}: {verdict.sentence}.")
    say(f"What would change it: {verdict.flip}.")
    for warning in verdict.warnings:
        say(f"Note: {warning}.")


def simulate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="The experiments; default: all.")
    ] = None,
    rate: Annotated[
        list[str] | None, typer.Option(help="An arm's mean reward: --rate old=5% --rate new=6%")
    ] = None,
    deviation: Annotated[
        float | None, typer.Option(help="Standard deviation of rewards that are numbers.")
    ] = None,
    per_day: Annotated[float | None, typer.Option(help="New units a day.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Try the document's own design on simulated units before it starts: power, duration, errors, lost rewards."""
    from serving.experiments.document.reader import read_document
    from serving.experiments.statistics.asked import design_in, named
    from serving.experiments.statistics.simulate import run, words

    document, found = read_document(file, overrides or []), {}
    for name in names or [name for name, each in document.experiments.items() if each.reward is not None]:
        design = design_in(document, name)
        assumed = run.assume(design, run.rates_of(rate or [], design), deviation, per_day)
        found[name] = run.simulate(named(document, name), design, assumed, seed)
        if not as_json:
            for line in words.lines(name, design, found[name]):
                say(line)
    if as_json:
        say_json({name: each.to_json() for name, each in found.items()})
    elif not found:
        say("no experiment has a reward: there is nothing to simulate")


def estimate(
    name: Name,
    policy: Annotated[
        str,
        typer.Option(
            help="An arm, shares such as old=20%,new=80%, or a YAML file with feature, values, otherwise."
        ),
    ],
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Say what another policy would have earned, from the units so far and the inputs in the prediction log."""
    from serving.experiments.document.reader import read_document
    from serving.experiments.statistics.asked import named
    from serving.experiments.statistics.off_policy.judge import judge
    from serving.experiments.statistics.off_policy.policy import read_policy
    from serving.experiments.statistics.off_policy.reading import read_units
    from serving.experiments.statistics.off_policy.words import lines

    document = read_document(file, overrides or [])
    wanted = read_policy(policy, list(named(document, name).arms))
    read = read_units(document, file.parent, name, wanted.feature)
    found = judge(wanted, read.units)
    if as_json:
        say_json({**found.to_json(), "unlogged": read.unlogged})
        return
    for line in lines(found, policy, read.unlogged):
        say(line)
