"""``penstock metadata`` on a SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import yaml
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as native
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.cli.main import main
from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import connection_config
from tests.pipeline.conftest import DOCUMENT


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(DOCUMENT))
    monkeypatch.chdir(tmp_path)


def test_tables_are_missing_then_created_then_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metadata", "check"]) == 8
    assert "penstock metadata init" in capsys.readouterr().err
    assert not Path(".penstock/metadata.db").exists()
    assert main(["metadata", "init"]) == 0
    assert main(["metadata", "check"]) == 0
    assert "tables of version 10, 0 executions" in capsys.readouterr().out


def test_tables_of_an_earlier_version_are_upgraded(capsys: pytest.CaptureFixture[str]) -> None:
    main(["metadata", "init"])
    connection = connection_config(MetadataConfig(), Path(".penstock"))
    older = pb.MigrationOptions(downgrade_to_schema_version=7)
    with pytest.raises(RuntimeError, match="at schema version 7"):
        native.CreateMetadataStore(connection.SerializeToString(), older.SerializeToString())
    assert main(["metadata", "check"]) == 8
    assert "expected tables of version 10; seen: version 7" in capsys.readouterr().err
    assert main(["metadata", "upgrade"]) == 0
    assert main(["metadata", "check"]) == 0
    with sqlite3.connect(".penstock/metadata.db") as database:
        assert database.execute("SELECT schema_version FROM MLMDEnv").fetchall() == [(10,)]
