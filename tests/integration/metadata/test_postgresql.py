"""ML Metadata on a real PostgreSQL server: written by TFX's own publisher, read by our lineage."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.errors import MetadataError
from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import MlmdLineage, connection_config, open_store
from pipeline.lineage.tables import check, create
from tests.pipeline.conftest import DOCUMENT
from tests.postgresql import PASSWORD

pytestmark = pytest.mark.integration

_NUMBERS = itertools.count()


@pytest.fixture
def config(servers: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> MetadataConfig:
    server, database = servers("postgresql"), f"mlmd{next(_NUMBERS)}"
    server.create(database)
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", PASSWORD)
    place = {"host": "127.0.0.1", "port": server.port, "database": database, "user": "penstock"}
    return MetadataConfig.model_validate({"postgresql": place})


def publish(config: MetadataConfig, root: Path) -> None:
    """Publishes one execution with one output through TFX."""
    from ml_metadata.proto import metadata_store_pb2 as pb
    from tfx.orchestration import metadata
    from tfx.orchestration.portable import execution_publish_utils as publishing
    from tfx.orchestration.portable.mlmd import context_lib
    from tfx.types import standard_artifacts

    with metadata.Metadata(connection_config(config, root)) as handle:
        contexts = [
            context_lib.register_context_if_not_exists(handle, kind, name)
            for kind, name in (("pipeline", "learners"), ("pipeline_run", "r1"))
        ]
        made: Any = standard_artifacts.Examples()
        made.uri = str(root / "examples")
        kind = pb.ExecutionType(name="components.mongo_example_gen.component.MongoExampleGen")
        run = publishing.register_execution(handle, kind, contexts, {}, {"penstock_node": "MongoExampleGen"})
        publishing.publish_succeeded_execution(handle, run.id, contexts, {"examples": [made]})


def test_what_tfx_publishes_is_read_back(config: MetadataConfig, tmp_path: Path) -> None:
    publish(config, tmp_path)
    lineage = MlmdLineage(config, tmp_path, "learners")
    (execution,) = lineage.executions()
    assert (execution.node, execution.state, execution.run) == ("MongoExampleGen", "COMPLETE", "r1")
    (artifact,) = (lineage.artifacts()[i] for i in execution.outputs["examples"])
    assert (artifact.type, artifact.state) == ("Examples", "LIVE")
    assert not (tmp_path / "metadata.db").exists()


def test_a_wrong_password_is_refused_and_not_shown(
    config: MetadataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", "not-the-one")
    with pytest.raises(MetadataError, match=r"mlmd\d+ at 127\.0\.0\.1") as caught:
        open_store(config, tmp_path)
    assert "not-the-one" not in str(caught.value)


@pytest.mark.parametrize("command", ["init", "check"])
def test_the_library_says_nothing_of_its_connections(
    command: str, config: MetadataConfig, tmp_path: Path
) -> None:
    create(config, tmp_path)
    document = tmp_path / "pipeline.yaml"
    document.write_text(yaml.safe_dump({**DOCUMENT, "metadata": config.model_dump(exclude_none=True)}))
    call = [sys.executable, "-m", "pipeline.cli.main", "metadata", command, "-f", str(document)]
    environment = {key: value for key, value in os.environ.items() if key != "GLOG_minloglevel"}
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_database_whose_name_needs_quotes_has_to_be_there(
    servers: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, name = servers("postgresql"), f"my-db{next(_NUMBERS)}"
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", PASSWORD)
    place = {"host": "127.0.0.1", "port": server.port, "database": name, "user": "penstock"}
    config = MetadataConfig.model_validate({"postgresql": place})
    with pytest.raises(MetadataError, match=r"cannot create one of this name.*create the database yourself"):
        create(config, tmp_path)
    server.create(name)
    assert create(config, tmp_path)
    assert check(config, tmp_path).executions == 0
