"""``penstock announce``: sends news to Airflow's assets, each piece once, so that a run starts besides the schedule."""

from __future__ import annotations

import typer

from pipeline.cli.announce import commands

app = typer.Typer(
    help="Send news to Airflow's assets, each piece once: a new export, enough new labels, an alarm. The environment "
    "names Airflow: PENSTOCK_AIRFLOW, its address, and PENSTOCK_AIRFLOW_TOKEN."
)
commands.register(app)
