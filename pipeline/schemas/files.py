"""Schema files: the reviewed one and, beside it, the inferred one awaiting review."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import DataError
from foundation.publish import storage_error, write_text

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

PENDING_SUFFIX = ".inferred"


def pending_path(schema_file: str | os.PathLike[str]) -> Path:
    """Returns the path of the inferred schema awaiting review, beside the reviewed one."""
    path = Path(schema_file)
    return path.with_name(path.name + PENDING_SUFFIX)


def read_schema(path: str | os.PathLike[str]) -> schema_pb2.Schema:
    """Reads a schema from its text form.

    Raises:
        DataError: The file is missing, is not a schema, or names a feature twice.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    expected = "a TFDV schema as text"
    try:
        schema = text_format.Parse(Path(path).read_text(encoding="utf-8"), schema_pb2.Schema())
    except FileNotFoundError as error:
        raise DataError(
            f"schema {path}", expected=expected, seen="no such file", remedy="run once to infer one"
        ) from error
    except OSError as error:
        raise DataError(f"schema {path}", expected=expected, seen=error.strerror or str(error)) from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        remedy = "fix that line, or infer a new schema with 'penstock schema infer'"
        raise DataError(f"schema {path}", expected=expected, seen=str(error), remedy=remedy) from error
    names = [feature.name for feature in schema.feature]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        seen = f"{', '.join(twice)} twice" if twice else "no features"
        raise DataError(f"schema {path}", expected="each feature once", seen=seen)
    return schema


def infer(
    statistics: str | os.PathLike[str] | Sequence[Any], label: str, arrays: Collection[str] = ()
) -> schema_pb2.Schema:
    """Infers a schema with environments TRAINING and SERVING; the label is not in the latter. Loads TFDV.

    Args:
        statistics: Folder of an ``ExampleStatistics`` artifact, or the statistics protos of the splits, train first.
        label: Feature of the label.
        arrays: Features to treat as arrays, whatever the statistics show.

    Raises:
        DataError: The folder has no statistics, or no document has the label.
    """
    import tensorflow_data_validation as tfdv

    from components.schema_gen.infer import infer as infer_from

    if not isinstance(statistics, (str, os.PathLike)):
        return infer_from(list(statistics), label, arrays)
    files = sorted(
        Path(statistics).glob("Split-*/FeatureStats.pb"), key=lambda f: f.parent.name != "Split-train"
    )
    if not files:
        raise DataError(f"statistics {statistics}", expected="Split-*/FeatureStats.pb", seen="no such file")
    return infer_from([tfdv.load_stats_binary(str(file)) for file in files], label, arrays)


def offer(inferred: str | os.PathLike[str] | schema_pb2.Schema, schema_file: str | os.PathLike[str]) -> Path:
    """Writes an inferred schema beside the reviewed one, to be reviewed.

    Args:
        inferred: The schema, or the file that holds it.
        schema_file: Path of the reviewed schema; it need not exist yet.

    Returns:
        The file to be reviewed.

    Raises:
        StorageError: The folder cannot be written.
    """
    from google.protobuf import text_format

    schema = read_schema(inferred) if isinstance(inferred, (str, os.PathLike)) else inferred
    pending = pending_path(schema_file)
    write_text(pending, text_format.MessageToString(schema, as_utf8=True))
    return pending


def approve(schema_file: str | os.PathLike[str], pending: str | os.PathLike[str] | None = None) -> Path:
    """Makes the schema awaiting review the reviewed one; it is read in full first, then renamed.

    Args:
        schema_file: Path of the reviewed schema; it need not exist yet.
        pending: The file awaiting review; by default the one beside the reviewed schema.

    Returns:
        The reviewed file.

    Raises:
        DataError: No schema awaits review, or the file is not a schema.
        StorageError: The folder cannot be written.
    """
    target, waiting = Path(schema_file), Path(pending) if pending else pending_path(schema_file)
    if not waiting.exists():
        raise DataError(f"schema {waiting}", expected="a schema awaiting review", seen="no such file",
                        remedy="infer one with 'penstock schema infer'")  # fmt: skip
    read_schema(waiting)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(waiting, target)
    except OSError as error:
        raise storage_error(target, error) from error
    return target
