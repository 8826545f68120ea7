"""ML Metadata on a real PostgreSQL server: written by TFX's own publisher, read by our lineage."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import MetadataError
from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import MlmdLineage, connection_config, open_store
from tests.side_by_side import free_port

pytestmark = pytest.mark.integration

PASSWORD = "only-in-the-environment"


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _as_server(*command: str) -> None:
    """Runs a command as an ordinary user: PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of a PostgreSQL server on loopback, with an empty database for ML Metadata."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="penstock-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    port, data, secret = free_port(), folder / "data", folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    initdb = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "penstock",
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
    ]
    _as_server(*initdb)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    pg_ctl = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    _as_server(*pg_ctl, "-o", options, "start")
    try:
        create = [str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "penstock", "mlmd"]
        subprocess.run(create, check=True, env={**os.environ, "PGPASSWORD": PASSWORD}, timeout=60)
        yield port
    finally:
        _as_server(*pg_ctl, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def config(server: int, monkeypatch: pytest.MonkeyPatch) -> MetadataConfig:
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", PASSWORD)
    place = {"host": "127.0.0.1", "port": server, "database": "mlmd", "user": "penstock"}
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
    with pytest.raises(MetadataError, match=r"mlmd at 127\.0\.0\.1") as caught:
        open_store(config, tmp_path)
    assert "not-the-one" not in str(caught.value)
