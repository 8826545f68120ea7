"""A node whose engine claims to be done is believed only if its outputs are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import NodeError

pytestmark = pytest.mark.component


def outputs(folder: Path, splits: str = '["train", "test"]') -> dict[str, list[object]]:
    from tfx.types import standard_artifacts

    statistics, graph = standard_artifacts.ExampleStatistics(), standard_artifacts.TransformGraph()
    statistics.uri, statistics.split_names, graph.uri = (
        str(folder / "statistics"),
        splits,
        str(folder / "graph"),
    )
    return {"statistics": [statistics], "transform_graph": [graph]}


def test_every_output_and_every_split_must_have_a_file(tmp_path: Path) -> None:
    from components.written import check_written

    made = outputs(tmp_path)
    files = [
        "statistics/Split-train/FeatureStats.pb",
        "statistics/Split-test/FeatureStats.pb",
        "graph/deep/a.pb",
    ]
    for missing in files:
        with pytest.raises(NodeError, match="no file, although the engine says that the pipeline is done"):
            check_written(made)
        (tmp_path / missing).parent.mkdir(parents=True)
        (tmp_path / missing).touch()
    check_written(made)
