"""Caches spans, so that a window reads only its new spans.

Each span has a folder with its shards and an ``entry.json``, under the node's folder in the pipeline root; it is published
by rename, so an entry is complete or absent. Its name is a digest of everything that affects the content: the span's
fingerprint, the settings, the fields, the id of the privacy key, the code. Every entry can be recreated, so
``penstock clean`` may remove it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from components.exports.source import ResolvedInput
from components.mongo_example_gen.plan import Plan
from components.mongo_example_gen.reading import Reading, Request
from components.mongo_example_gen.report import Origin
from components.mongo_example_gen.spans import FOLDER
from foundation import privacy, temporaries, tfrecord
from foundation.link import link_file
from foundation.publish import storage_error, write_text
from foundation.temporaries import Temporary

ENTRY_FILE = "entry.json"
_ROOT = Path(__file__).parents[2]
_NOT_CONTENT = {"mongo_export", "span", "window", "recorded_at", "bad_documents", "misfits"}
"""Settings that do not affect the content of a span."""


@dataclass(frozen=True)
class Entry:
    """A cached span."""

    folder: Path
    types: Mapping[str, str | None]
    reading: Reading


def cache_folder(output: Path) -> Path:
    """Returns the cache folder, beside the artifacts of the node."""
    return output.parents[1] / FOLDER


def entry_folder(request: Request, span: ResolvedInput) -> Path:
    """Returns the folder of a span, whether it exists or not."""
    policy = request.config.privacy
    settings = request.config.model_dump(mode="json", exclude=_NOT_CONTENT)
    columns = [asdict(column) for column in request.plan.columns]
    key = privacy.key_id(privacy.read_key(policy))
    said = json.dumps([span.fingerprint, settings, columns, request.plan.label, key], sort_keys=True)
    digest = hashlib.sha256(said.encode() + b"\0" + _code_digest().encode())
    return cache_folder(request.output) / digest.hexdigest()[:32]


def _code_digest() -> str:
    digest = hashlib.sha256()
    for file in _code_files():
        digest.update(str(file.relative_to(_ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _code_files() -> list[Path]:
    rooms = ("components/mongo_example_gen", "components/exports", "foundation/personal")
    folders = [_ROOT / room for room in rooms]
    modules = [Path(str(module.__file__)) for module in (privacy, tfrecord)]
    return [*(file for folder in folders for file in sorted(folder.rglob("*.py"))), *modules]


def write_entry(folder: Path, reading: Reading) -> None:
    """Writes the result of reading a span beside its shards, without digests of split keys."""
    content = {
        "types": {column.feature: column.type for column in reading.plan.columns},
        "tally": [[*key, times] for key, times in sorted(reading.tally.items())],
        "labels": sorted(reading.labels),
        "keys": reading.keys,
        "paths": sorted(reading.paths),
        "origin": {k: v for k, v in vars(reading.origin).items() if k != "source"},
    }
    write_text(folder / ENTRY_FILE, json.dumps(content))


def read_entry(folder: Path, plan: Plan, span: ResolvedInput) -> Entry | None:
    """Returns the entry of a span, or None if it is not cached."""
    try:
        text = (folder / ENTRY_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(folder, error) from error
    content = json.loads(text)
    types: dict[str, Any] = content["types"]
    columns = tuple(replace(column, type=types[column.feature]) for column in plan.columns)
    reading = Reading(
        replace(plan, columns=columns),
        Counter({tuple(key): times for *key, times in content["tally"]}),
        frozenset(content["labels"]),
        content["keys"],
        Origin(span, **content["origin"]),
        set(content["paths"]),
    )
    return Entry(folder, types, reading)


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[Temporary]:
    """Yields a private folder to read a span into, and removes what killed runs left beside it.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        temporaries.sweep(folder.parent)
        temporary = temporaries.make_folder(folder.parent, folder.name)
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        yield temporary
    finally:
        temporary.discard()


def keep(folder: Path, temporary: Temporary) -> None:
    """Publishes a span, replacing one with other types.

    Raises:
        StorageError: It cannot be published.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
        temporary.publish(folder)
    except OSError as error:
        raise storage_error(folder, error) from error


def link_shards(entries: list[Entry], output: Path, splits: tuple[str, ...]) -> bool:
    """Puts the shards of all spans into one artifact, by hard links if possible.

    Returns:
        Whether all are links; False if any is a copy.

    Raises:
        StorageError: A shard can neither be linked nor copied.
    """
    linked = True
    for split in splits:
        shards = [
            shard for entry in entries for shard in sorted((entry.folder / f"Split-{split}").glob("*.gz"))
        ]
        folder = output / f"Split-{split}"
        try:
            folder.mkdir(parents=True)
            for number, shard in enumerate(shards):
                target = folder / f"data_tfrecord-{number:05d}-of-{len(shards):05d}.gz"
                linked &= link_file(shard, target)
        except OSError as error:
            raise storage_error(folder, error) from error
    return linked
