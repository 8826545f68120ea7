"""The tables of an ML Metadata store: created, checked, brought to this version."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.errors import MetadataError
from pipeline.document.models import MetadataConfig
from pipeline.lineage.sqlite import SCHEMA_VERSION
from pipeline.lineage.store import asked, connection_config, is_absent, open_store

_EMPTY = "Empty database is given"


@dataclass(frozen=True)
class Checked:
    """What a check of a store has found.

    Attributes:
        version: Version of its tables.
        executions: How many executions there are, of all pipelines.
        seconds: How long a small question takes: the time to the database and back, several times.
    """

    version: int
    executions: int
    seconds: float


def create(config: MetadataConfig, root: Path) -> bool:
    """Creates the database, if it may, and its tables.

    Args:
        config: Where the store is.
        root: Folder of the SQLite file unless the config names one.

    Returns:
        Whether there were none.

    Raises:
        MetadataError: It does not answer, or has tables of another version.
    """
    missing = is_absent(config, root) or _is_empty(connection_config(config, root))
    open_store(config, root)
    return missing


def check(config: MetadataConfig, root: Path) -> Checked:
    """Checks that a store answers and has tables of this version; creates nothing.

    Args:
        config: Where the store is.
        root: Folder of the SQLite file unless the config names one.

    Raises:
        MetadataError: It has no tables or those of another version, or does not answer.
    """
    if is_absent(config, root) or _is_empty(connection_config(config, root)):
        raise MetadataError(
            "the ML Metadata store",
            expected=f"tables of version {SCHEMA_VERSION}",
            seen="none",
            remedy="create them with 'penstock metadata init'",
        )
    store = open_store(config, root)
    with asked(config):
        begin = time.perf_counter()
        store.get_context_types()
        seconds = time.perf_counter() - begin
        return Checked(SCHEMA_VERSION, len(store.get_executions()), seconds)


def upgrade(config: MetadataConfig, root: Path) -> None:
    """Brings the tables of an earlier version to this one.

    Args:
        config: Where the store is.
        root: Folder of the SQLite file unless the config names one.

    Raises:
        MetadataError: There are none, they are of a later version, or ML Metadata cannot upgrade them.
    """
    from pipeline.lineage.steady import SteadyStore

    if is_absent(config, root):
        check(config, root)
    with asked(config):
        SteadyStore(connection_config(config, root), upgrade=True)


def _is_empty(connection: Any) -> bool:
    """Returns whether a database has no tables.

    To open one would create them. A downgrade to the version that this library knows changes nothing, whatever version
    the tables have, and ends before it creates any.
    """
    from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as native
    from ml_metadata.proto import metadata_store_pb2 as pb

    nothing = pb.MigrationOptions(downgrade_to_schema_version=SCHEMA_VERSION)
    try:
        native.CreateMetadataStore(connection.SerializeToString(), nothing.SerializeToString())
    except RuntimeError as error:
        if _EMPTY in str(error):
            return True
        # Anything else is said again, and better, by opening it.
    return False
