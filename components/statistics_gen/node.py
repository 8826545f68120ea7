"""The node that computes the statistics of every split."""

from __future__ import annotations

from components.node import EXAMPLES, Declaration, Document


def is_grouped(document: Document) -> bool:
    """Returns whether test rows hold the number of their group, which is no feature to describe."""
    return document.data.bigquery is None and document.data.split.by != "_id"


NODE = Declaration(
    "StatisticsGen",
    phase="data",
    build="components.statistics_gen.component:build",
    inputs={"examples": EXAMPLES},
    beam=True,
    elsewhere="addresses",
    settings=lambda document, inputs: is_grouped(document),
)
