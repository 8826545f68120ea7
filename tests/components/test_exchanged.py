"""Ingestion and predictions whose workers reach nothing but a store make what those on one disk make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.exports.windows import resolve_window
from components.mongo_example_gen.config import DataConfig
from foundation.storage_remote import Address
from foundation.stores.exchange import flag
from foundation.stores.opening import open_store
from tests import object_stores
from tests.same_examples import rows_of

pytestmark = pytest.mark.component

EXCHANGE = f"s3://{object_stores.BUCKET}/root/.exchange-1"
FIELDS = {"y": "int", "city": "string", "age": None}
LINES = [
    *(
        {"_id": n, "y": n % 2, "city": f"c{n % 7}", "age": n % 50 + (0.5 if n == 290 else 0)}
        for n in range(300)
    ),
    b"{broken",
]
"""The only age with a fraction comes late: the sample of 400 may see it, the types are settled anyway."""
CHANGES = [
    {"operationType": "insert", "documentKey": {"_id": n}, "fullDocument": one}
    for n, one in enumerate(LINES)
    if isinstance(one, dict)
]


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with object_stores.s3() as variables:
        yield variables


@pytest.fixture
def machine(store: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name, value in {**store, "PENSTOCK_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def write(path: Path, lines: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)
    )


def ingested(
    folder: Path, exchange: str, labelled: bool = True, window: int = 0, **data: Any
) -> dict[str, Any]:
    """Ingests ``e/*/*.jsonl`` beside a folder; returns path → rows or bytes of all that is kept of it."""
    import apache_beam as beam

    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    base = folder.parent
    bad = {"folder": f"{folder.name}/bad", "fail_above": "5%"}
    config = DataConfig.model_validate(
        {"mongo_export": "e/{SPAN}/*.jsonl", "label": "y", "bad_documents": bad, **data}
    )
    plan = make_plan(config, {name: FieldConfig(type=kind) for name, kind in FIELDS.items()}, labelled)
    source = (
        resolve_window(config.mongo_export, base, "latest", window)
        if window
        else resolve(config.mongo_export, base, 1)
    )
    output = folder / "MongoExampleGen/examples/1"
    ingest(
        Request(config, plan, source, base, output, exchange),
        lambda: beam.Pipeline(argv=["--runner=FnApiRunner"]),
    )
    kept = [file for file in folder.rglob("*") if file.is_file() and "/spans/" not in str(file)]
    return {str(file.relative_to(folder)): _content(file) for file in kept}


def _content(file: Path) -> Any:
    """Returns rows, a report without what differs from one run to the next, or bytes."""
    if file.suffix == ".gz":
        return rows_of(file.read_bytes())
    if file.suffix == ".json":
        report = json.loads(file.read_text())
        return {key: value for key, value in report.items() if key not in ("seconds", "quarantine_folder")}
    return file.read_bytes()


def exchanged() -> list[str]:
    found, key = open_store(Address(EXCHANGE))
    return [entry.key.removeprefix(f"{key}/") for entry in found.list(f"{key}/")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="an export on disk is laid out"),
        pytest.param({"split": {"by": "_id", "stratify": "city"}}, id="strata"),
        pytest.param({"privacy": {"quasi_identifiers": ["city", "age"]}}, id="groups"),
        pytest.param({"window": 2}, id="a window"),
        pytest.param({"labelled": False}, id="to be predicted"),
    ],
)
def test_workers_that_reach_a_store_alone_make_the_same_files(machine: Path, data: dict[str, Any]) -> None:
    for span in (1, 2):
        write(machine / f"e/{span}/a.jsonl", LINES)
    here = ingested(machine / "here", "", **data)
    there = ingested(machine / "there", EXCHANGE, **data)
    assert there == here
    assert any("tfrecord" in name for name in here) and any("bad-00000.jsonl" in name for name in here)
    assert any(name.startswith("shards/") for name in exchanged()), "they went through the store"


def test_bad_documents_that_come_through_a_store_are_for_their_owner_alone(machine: Path) -> None:
    write(machine / "e/1/a.jsonl", LINES)
    ingested(machine / "there", EXCHANGE)
    (bad,) = (machine / "there/bad").glob("*/bad-00000.jsonl")
    assert (bad.stat().st_mode & 0o777, bad.read_bytes()) == (0o600, b"{broken\n")


def test_folded_changes_are_laid_out_for_workers(machine: Path) -> None:
    write(machine / "e/1/a.jsonl", CHANGES)
    here = ingested(machine / "here", "", changes={})
    assert ingested(machine / "there", EXCHANGE, changes={}) == here
    assert any("data_tfrecord" in name for name in here)


def test_an_error_of_a_worker_is_told_as_it_is_here(machine: Path) -> None:
    import gzip

    from foundation.errors import DataError

    write(machine / "e/1/a.jsonl", LINES)
    whole = (machine / "e/1/a.jsonl").read_bytes()
    (machine / "e/1/a.jsonl").write_bytes(gzip.compress(whole * 50)[:-20])
    with pytest.raises(DataError, match="the export was cut off"):
        ingested(machine / "there", EXCHANGE)
    assert not list((machine / "there").rglob("*tfrecord*"))


@pytest.fixture
def predicted(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, bytes]]:
    """Predicts a shard of examples in a store; returns name → bytes of what workers wrote, once it is here."""
    from components.bulk_inferrer.executor import Executor
    from foundation.stores.mirror import mirror_of
    from foundation.stores.transfer import sent
    from tests.components.bulk_inferrer.test_ids_and_order import Echo

    monkeypatch.setattr("components.signature.load", lambda path: Echo())
    write(machine / "e/1/a.jsonl", [{"_id": f"u{n}", "n": n} for n in range(20)])
    uri, model = f"s3://{object_stores.BUCKET}/root/Infer/1", f"s3://{object_stores.BUCKET}/root/Trainer/1"
    made = _to_predict(machine, {"n": FieldConfig(type="int")}, mirror_of(uri))
    sent(uri)
    opened, key = open_store(Address(model))
    opened.put(f"{key}/saved_model.pb", b"model")

    def run(exchange: str) -> dict[str, bytes]:
        flags = [flag(exchange)] if exchange else []
        context = Executor.Context(beam_pipeline_args=["--runner=FnApiRunner"], extra_flags=flags)
        to = machine / ("there" if exchange else "here") / "shards"
        shards = Executor(context)._predict(str(mirror_of(model)), made, to, "jsonl", False)
        assert [shard.parent for shard in shards] == [to]
        return {file.name: file.read_bytes() for file in to.iterdir()}

    return run


def _to_predict(base: Path, fields: dict[str, FieldConfig], output: Path) -> list[Path]:
    import apache_beam as beam

    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    config = DataConfig.model_validate({"label": "y"})
    source = resolve("e/1/a.jsonl", base)
    request = Request(config, make_plan(config, fields, False), source, base, output)
    ingest(request, lambda: beam.Pipeline(argv=["--runner=FnApiRunner"]))
    return sorted((output / "Split-all").glob("*.gz"))


def test_predictions_of_workers_that_reach_a_store_alone_are_the_same(
    predicted: Callable[[str], dict[str, bytes]],
) -> None:
    here = predicted("")
    assert predicted(EXCHANGE) == here
    assert sorted(name.rpartition(".")[2] for name in here) == ["ids", "jsonl", "seen"]
