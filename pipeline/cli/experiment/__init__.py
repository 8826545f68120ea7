"""``penstock experiment``: A/B traffic from a document to a verdict; one thin file per kind of command."""

from __future__ import annotations

import typer

from pipeline.cli.experiment import data, document, haproxy, life, promotion, rewards, verdict

app = typer.Typer(help="A/B traffic: the document, its experiments, their verdicts.")
for group in (document, life, promotion, rewards, verdict, haproxy, data):
    group.register(app)
