"""The tables of a store on real servers: created, checked without a trace, refused and upgraded when they are of another version."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as native
from ml_metadata.proto import metadata_store_pb2 as pb

from foundation.errors import MetadataError
from pipeline.lineage import tables
from pipeline.lineage.store import connection_config, open_store
from tests.integration.metadata.conftest import PASSWORD, Place

pytestmark = pytest.mark.integration


def made_older(place: Place, root: Path, version: int) -> None:
    """Brings the tables to an earlier version, with ML Metadata's own statements."""
    older = pb.MigrationOptions(downgrade_to_schema_version=version)
    connection = connection_config(place.config(), root)
    with pytest.raises(RuntimeError, match=f"at schema version {version}"):
        native.CreateMetadataStore(connection.SerializeToString(), older.SerializeToString())


def test_a_check_finds_no_tables_and_makes_none(place: Place, root: Path) -> None:
    for _ in range(2):
        with pytest.raises(
            MetadataError, match="seen: none; remedy: create them with 'penstock metadata init'"
        ):
            tables.check(place.config(), root)
    assert tables.create(place.config(), root)
    assert not tables.create(place.config(), root)
    assert tables.check(place.config(), root).executions == 0


def test_tables_of_an_earlier_version_are_refused_until_they_are_upgraded(place: Place, root: Path) -> None:
    store = open_store(place.config(), root)
    kind = store.put_execution_type(pb.ExecutionType(name="x.Trainer"))
    store.put_executions([pb.Execution(type_id=kind, name="kept")])
    made_older(place, root, 9)
    for refused in (tables.check, tables.create, open_store):
        with pytest.raises(MetadataError, match=r"version 9; remedy: back the database up.*metadata upgrade"):
            refused(place.config(), root)  # type: ignore[operator]
    tables.upgrade(place.config(), root)
    assert tables.check(place.config(), root).executions == 1


def test_tables_of_a_later_version_are_refused_even_by_an_upgrade(place: Place, root: Path) -> None:
    open_store(place.config(), root)
    place.sql("UPDATE MLMDEnv SET schema_version = 11")
    for refused in (tables.check, tables.upgrade):
        with pytest.raises(MetadataError, match="version 11; remedy: install the version of Penstock"):
            refused(place.config(), root)  # type: ignore[operator]


def test_errors_hold_no_password(place: Place, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", f"{PASSWORD}-not")
    with pytest.raises(
        MetadataError, match="that host, port, user, password and database are right"
    ) as caught:
        tables.check(place.config(), root)
    assert PASSWORD not in str(caught.value)
