"""A bundle's sidecar that nothing was compiled for: exporters read nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.bundle.reading import Bundle, digest_of, folder_name, open_bundle
from pipeline.bundle.sidecar import NodeEntry, Parameter, Production, Resources, Sidecar

EDGES = {
    "MongoExampleGen": ("", "data"),
    "StatisticsGen": ("MongoExampleGen", "data"),
    "ImportSchemaGen": ("", "data"),
    "ExampleValidator": ("StatisticsGen ImportSchemaGen", "data"),
    "ValidationGate": ("ExampleValidator", "data"),
    "Transform": ("MongoExampleGen ImportSchemaGen", "model"),
    "Tuner": ("Transform", "model"),
    "Trainer": ("Transform Tuner ValidationGate", "model"),
    "Evaluator": ("Trainer", "evaluation"),
    "EvaluationGate": ("Evaluator", "evaluation"),
    "InfraValidator": ("Trainer", "evaluation"),
    "Pusher": ("Trainer EvaluationGate InfraValidator", "push"),
}
"""Twelve nodes: each with the nodes before it and its group."""


def node(node_id: str, **settings: Any) -> NodeEntry:
    """Returns a node's entry."""
    upstream, group = EDGES[node_id]
    plain = NodeEntry(
        id=node_id,
        upstream=tuple(upstream.split()),
        optional=False,
        resolver=False,
        tensorflow=True,
        group=group,
        retries=2,
        retry_delay=300.0,
        exponential=True,
        timeout=7200.0,
        pool=None,
        resources=Resources(cpu=1.0, memory="4Gi"),
        made_of={},
    )
    return replace(plain, **settings)


def sidecar(production: dict[str, Any] | None = None, **settings: Any) -> Sidecar:
    """Returns the sidecar of a pipeline with twelve nodes."""
    plain = Production(
        schedule="0 3 * * *",
        start="2026-01-01",
        catch_up=False,
        timezone="UTC",
        max_active_runs=1,
        span="days",
        spans=True,
        deadline=None,
        groups=True,
        on_failure=None,
        on_failure_env=None,
        retrain=None,
    )
    made = Sidecar(
        name="shop",
        penstock="0.7.0",
        code="c" * 64,
        files={},
        packaged={},
        folder=".",
        root="pipeline_root",
        export="exports/{SPAN}/*.jsonl",
        image="registry/penstock:0.7.0",
        production=replace(plain, **(production or {})),
        parameters=(Parameter("train.steps", ("integer",), 100, "Steps of training.", minimum=1),),
        nodes=tuple(node(one) for one in EDGES),
        digest="0123456789ab" + "0" * 52,
    )
    return replace(made, **settings)


def bundle(folder: Path, made: Sidecar) -> Bundle:
    """Writes a bundle's folder and returns the bundle."""
    home = folder / f"{made.name}-{made.digest[:12]}"
    home.mkdir(parents=True)
    made.write(home)
    (home / "pipeline.json").write_text("{}")
    return Bundle(home, made)


def deployed(before: Bundle, to: Path, **production: Any) -> Bundle:
    """Returns a bundle of the same nodes with other settings, and so with another digest, as it would have been compiled."""
    other = replace(before.sidecar, production=replace(before.sidecar.production, **production))
    made = replace(other, digest=digest_of(other.text()))
    folder = to / folder_name(made.name, made.digest)
    shutil.copytree(before.folder, folder)
    (folder / Sidecar.FILE).unlink()
    made.write(folder)
    return open_bundle(folder)
