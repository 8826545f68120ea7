"""Beam's portable runner, which takes over what the workers of a job counted.

Beam names it by its dotted path (``--runner=…``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability import portable_runner as stock
from apache_beam.runners.runner import PipelineState

from pipeline.engines import counters

OURS = "penstock"
"""Namespace of the counters of our own Beam steps."""
_ROWS = "num_instances"
"""What TensorFlow's libraries call the rows that a step has seen."""


class PortableRunner(stock.PortableRunner):
    """Submits pipelines to a job server; Beam recognises the class by its name."""

    def run_portable_pipeline(self, pipeline: Any, options: PipelineOptions) -> Any:
        """Submits a pipeline and returns its result, which has yet to be waited for."""
        result = super().run_portable_pipeline(pipeline, options)
        result.__class__ = Submitted
        return result


class Submitted(stock.PipelineResult):
    """The result of a submitted job."""

    def wait_until_finish(self, duration: int | None = None) -> str:
        """Waits until the job is done and takes over what its workers counted.

        Args:
            duration: Milliseconds after which to stop waiting; None: until it has ended.

        Raises:
            RuntimeError: It ended in any other state.
        """
        state = str(super().wait_until_finish(duration))
        if state == PipelineState.DONE:
            counters.add(counted(self.metrics()))
        return state


def counted(metrics: Any) -> dict[str, int]:
    """Returns what workers counted, in the units of a run's summary.

    Args:
        metrics: Beam's ``MetricResults``.
    """
    found: Counter[str] = Counter()
    for one in metrics.query()["counters"]:
        name = one.key.metric
        if name.namespace == OURS:
            found[name.name] += int(one.result)
        elif name.name == _ROWS:
            found["rows"] += int(one.result)
    return dict(found)
