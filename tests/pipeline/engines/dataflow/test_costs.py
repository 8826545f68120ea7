"""What decides the costs of a job is said before it runs."""

from __future__ import annotations

import pytest

from pipeline.engines.dataflow.costs import costs
from pipeline.engines.dataflow.options import read_options

PLACE = ["--project=my-project", "--region=us-east1"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param([], "NO LIMIT on their number", id="no limit"),
        pytest.param(["--max_num_workers=8"], "1 at first, at most 8", id="autoscaling"),
        pytest.param(["--num_workers=4", "--autoscaling_algorithm=NONE"], "always 4", id="a fixed number"),
        pytest.param(["--machine_type=n2-standard-4"], "machines n2-standard-4", id="machine"),
        pytest.param(["--disk_size_gb=50"], "disks: 50 GB", id="disk"),
        pytest.param(["--flexrs_goal=COST_OPTIMIZED"], "FlexRS", id="FlexRS"),
        pytest.param(["--dataflow_service_options=enable_prime"], "Prime", id="Prime"),
        pytest.param(["--no_use_public_ips"], "no public addresses", id="no public addresses"),
    ],
)
def test_costs_are_told(args: list[str], words: str) -> None:
    (line,) = costs(read_options([*PLACE, *args]))
    assert words in line
    assert line.startswith("Dataflow in us-east1, project my-project: ")
