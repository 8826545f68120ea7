"""The node that computes the statistics of every split."""

from __future__ import annotations

from components.node import EXAMPLES, Declaration

NODE = Declaration(
    "StatisticsGen", build="components.statistics_gen.component:build", inputs={"examples": EXAMPLES}
)
