"""The database is killed and started again while a node works: the node publishes, once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.lineage.store import MlmdLineage
from tests.integration.metadata.conftest import PASSWORD, Place
from tests.serving.server_process import until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "place", ["postgresql"], indirect=True
)  # MariaDB, store alone: test_lost_connections.py
def test_a_node_ends_right_although_its_database_was_restarted(place: Place, root: Path) -> None:
    config = place.config()
    command = [
        sys.executable,
        "-m",
        "tests.integration.metadata.one_node",
        config.model_dump_json(),
        str(root),
    ]
    environment = {**os.environ, "PENSTOCK_METADATA_PASSWORD": PASSWORD}
    with (root / "log").open("w") as log, subprocess.Popen(command, env=environment, stderr=log) as node:
        until(lambda: (root / "executing").exists() or node.poll() is not None, seconds=300)
        place.server.stop()
        (root / "go").touch()
        time.sleep(2)  # it asks in vain
        place.server.start()
        assert node.wait(120) == 0, (root / "log").read_text()[-2000:]
    lineage = MlmdLineage(config, root, "learners")
    (execution,) = lineage.executions()
    assert (execution.state, execution.run) == ("COMPLETE", "r1")
    (model,) = lineage.artifacts().values()
    assert (model.state, execution.outputs) == ("LIVE", {"model": (model.id,)})
