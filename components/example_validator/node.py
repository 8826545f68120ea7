"""The node that checks the statistics against the schema."""

from __future__ import annotations

from components.node import SCHEMA, Declaration

NODE = Declaration(
    "ExampleValidator",
    phase="data",
    build="components.example_validator.component:build",
    tensorflow=False,
    inputs={"statistics": "StatisticsGen.statistics", "schema": SCHEMA},
)
