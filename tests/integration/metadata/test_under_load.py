"""ML Metadata under load: 504 chains from 6 processes at once into each kind of store, and none is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import MlmdLineage
from tests.integration.metadata.conftest import KINDS, PASSWORD

pytestmark = pytest.mark.integration

PROCESSES, CHAINS, RUNS = 6, 84, 10
Stores = dict[str, tuple[dict[str, Any], Path]]


@pytest.fixture(scope="module")
def stores(servers: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """The stores that this machine can have, each with its ``metadata`` and its root."""
    found: Stores = {"sqlite": ({}, tmp_path_factory.mktemp("sqlite"))}
    for kind, module in KINDS.items():
        if not module.missing():
            server = servers(kind)
            server.create("many")
            place = {"host": "127.0.0.1", "port": server.port, "database": "many", "user": "penstock"}
            found[kind] = ({kind: place}, tmp_path_factory.mktemp(kind))
    return found


@pytest.fixture(scope="module")
def failed(stores: Stores) -> dict[str, list[str]]:
    """What failed of the chains in each store."""
    plan = {
        "stores": {kind: (metadata, str(root)) for kind, (metadata, root) in stores.items()},
        "processes": PROCESSES,
        "chains": CHAINS,
        "runs": RUNS,
    }
    command = [sys.executable, "-m", "tests.integration.metadata.chains", json.dumps(plan)]
    environment = {**os.environ, "PENSTOCK_METADATA_PASSWORD": PASSWORD}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("kind", ["sqlite", *KINDS])
def test_no_chain_of_many_processes_is_lost(
    kind: str,
    stores: Stores,
    failed: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind not in stores:
        pytest.skip(KINDS[kind].missing())
    assert failed[kind] == []
    metadata, root = stores[kind]
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", PASSWORD)
    lineage = MlmdLineage(MetadataConfig.model_validate(metadata), root, "learners")
    executions, artifacts = lineage.executions(), lineage.artifacts()
    assert Counter(e.state for e in executions) == {"COMPLETE": PROCESSES * CHAINS}
    assert len({e.run for e in executions}) == RUNS
    made = [i for e in executions for ids in e.outputs.values() for i in ids]
    assert len(made) == len(set(made)) == len(artifacts) == 2 * PROCESSES * CHAINS
    assert {artifacts[i].uri for i in made} == {
        f"/x/{process}/{number}/{key}"
        for process in range(PROCESSES)
        for number in range(CHAINS)
        for key in ("examples", "model")
    }
