"""The real component through TFX's launcher and Beam: output, reports and failures."""

from __future__ import annotations

import errno
import gzip
import json
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen.config import DataConfig
from foundation.errors import DataError, StorageError
from pipeline.document.models import RunConfig
from pipeline.engines.local import local_args

pytestmark = pytest.mark.component

FIELDS = {
    "profile.country": {"to": "country"},
    "stats.lessons": {"to": "lessons", "type": "int"},
    "scores.value": {},
    "seen": {},
}


def _document(i: int, rng: random.Random) -> dict[str, Any]:
    document: dict[str, Any] = {
        "_id": {"$oid": f"{i:024x}"},
        "user_id": f"u{i // 3}",
        "profile": {"country": rng.choice(["DE", "FR"])},
        "stats": {"lessons": i % 50},
        "scores": [{"value": rng.random()} for _ in range(i % 3)],
        "seen": {"$date": "2024-01-01T00:00:00Z"},
        "retained": i % 4 == 0,
    }
    if i % 10 == 0:
        document["profile"] = {"country": None}
    if i % 11 == 0:
        del document["profile"]
    return document


def _documents(count: int = 2000) -> list[Any]:
    rng = random.Random(7)
    return [_document(i, rng) for i in range(count)]


@pytest.fixture
def launch(tmp_path: Path) -> Callable[..., Any]:
    """Runs the component through a TFX launcher on this machine's Beam; returns its Examples artifact."""
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from components.mongo_example_gen.component import MongoExampleGen

    def run(
        data: dict[str, Any],
        fields: dict[str, Any] = FIELDS,
        labelled: bool = True,
        workers: int = 1,
    ) -> Any:
        config = DataConfig.model_validate(
            {"mongo_export": "export/*", "label": "retained", "split": {"by": "user_id"}, **data}
        )
        source = resolve(config.mongo_export, tmp_path)
        described = {path: FieldConfig(**field) for path, field in fields.items()}
        node = MongoExampleGen(
            config=config,
            fields=described,
            base_folder=str(tmp_path),
            labelled=labelled,
            input_json=source.to_json(),
        )
        connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
        dag = pipeline.Pipeline(
            "p",
            str(tmp_path / "root"),
            metadata_connection_config=connection,
            components=[node],
            beam_pipeline_args=local_args(RunConfig(workers=workers)),
        )
        LocalDagRunner().run(dag)
        with metadata.Metadata(connection) as handle:
            (found,) = handle.store.get_artifacts_by_type("Examples")
        return found

    return run


def _read(uri: str, split: str) -> list[dict[str, list[Any]]]:
    import tensorflow as tf

    files = sorted(str(path) for path in (Path(uri) / f"Split-{split}").iterdir())
    rows = []
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        rows.append(
            {
                k: list(getattr(v, v.WhichOneof("kind")).value)
                for k, v in features.items()
                if v.WhichOneof("kind")
            }
        )
    return rows


def _all_rows(uri: str) -> dict[bytes, dict[str, list[Any]]]:
    return {row["_id"][0]: row for split in ("train", "validation", "test") for row in _read(uri, split)}


def _report(artifact: Any) -> dict[str, Any]:
    return json.loads((Path(artifact.uri) / "ingestion.json").read_text())


def test_documents_become_splits_report_and_lineage(launch: Any, write_lines: Any, tmp_path: Path) -> None:
    broken = [b'{"_id":{"$oid":"zz"}}', b"not json at all"]
    write_lines("export/a.jsonl.gz", [*_documents(), *broken, {"_id": "nolabel", "user_id": "q"}], gz=True)
    artifact = launch({"bad_documents": {"fail_above": 0.01}})
    report = _report(artifact)
    assert report["documents"] == {
        **report["documents"],
        "read": 2003,
        "accepted": 2000,
        "quarantined": 2,
        "filtered": 1,
    }
    assert report["filtered"] == {"no label": 1}
    assert artifact.properties["split_names"].string_value == '["train", "validation", "test"]'
    assert artifact.custom_properties["documents_quarantined"].int_value == 2
    row = _all_rows(artifact.uri)[b"%024x" % 5]
    assert (
        row["lessons"] == [5]
        and row["seen"] == [1704067200000]
        and row["retained"] == [0]
        and len(row["scores_value"]) == 2
    )
    country = next(field for field in report["fields"] if field["feature"] == "country")
    assert (country["null"], country["missing"], country["type"]) == (181, 182 + 1, "string")
    assert "DE" not in json.dumps(report)


def test_one_key_is_on_one_side_and_every_format_splits_alike(
    launch: Any, write_lines: Any, tmp_path: Path
) -> None:
    write_lines("export/a.jsonl", _documents(600))
    lines = launch({})
    sides = {
        split: {(int(r["_id"][0], 16)) // 3 for r in _read(lines.uri, split)}
        for split in ("train", "validation", "test")
    }
    assert not sides["train"] & sides["test"] and not sides["train"] & sides["validation"]
    from components.exports.extended_json import decode_document

    (tmp_path / "bson").mkdir()
    (tmp_path / "bson/users.bson").write_bytes(
        b"".join(bson.encode(decode_document(d)) for d in _documents(600))
    )
    (tmp_path / "metadata.db").unlink()
    dumped = launch({"mongo_export": "bson"})
    assert _all_rows(lines.uri) == _all_rows(dumped.uri)
    assert {split: _report(dumped)["splits"][split] for split in sides} == _report(lines)["splits"]


def test_test_rows_alone_say_which_of_them_share_a_key(launch: Any, write_lines: Any) -> None:
    write_lines("export/a.jsonl", _documents(600))
    artifact = launch({})
    numbers: dict[int, set[int]] = {}
    for row in _read(artifact.uri, "test"):
        assert "user_id" not in row
        numbers.setdefault(int(row["_id"][0], 16) // 3, set()).add(row["(group)"][0])
    assert all(len(found) == 1 for found in numbers.values())
    assert len(set.union(*numbers.values())) > 0.9 * len(numbers)
    assert not any(
        "(group)" in row for split in ("train", "validation") for row in _read(artifact.uri, split)
    )


def test_rows_split_by_their_id_have_no_group(launch: Any, write_lines: Any) -> None:
    write_lines("export/a.jsonl", _documents(300))
    artifact = launch({"split": {"by": "_id"}})
    assert not any("(group)" in row for row in _read(artifact.uri, "test"))


def test_two_worker_processes_give_the_same_rows(launch: Any, write_lines: Any, tmp_path: Path) -> None:
    for part in range(2):
        write_lines(f"export/{part}.jsonl", _documents(400)[part::2])
    alone = launch({})
    (tmp_path / "metadata.db").unlink()
    both = launch({}, workers=2)
    assert _all_rows(alone.uri) == _all_rows(both.uri)
    assert _report(both)["splits"] == _report(alone)["splits"]


def test_without_labels_there_is_one_split(launch: Any, write_lines: Any) -> None:
    documents = [{k: v for k, v in d.items() if k != "retained"} for d in _documents(50)]
    write_lines("export/a.jsonl", documents)
    artifact = launch({}, labelled=False)
    assert len(_read(artifact.uri, "all")) == 50
    assert artifact.properties["split_names"].string_value == '["all"]'


def test_quarantined_documents_are_kept_byte_for_byte_for_their_owner(
    launch: Any, write_lines: Any, tmp_path: Path
) -> None:
    bad = [b'{"_id": "caf\xe9"}', b'{"_id":{"$oid":"zz"},"retained":true}']
    export = write_lines("export/a.jsonl", [*_documents(300)[:150], *bad, *_documents(300)[150:]])
    launch({"bad_documents": {"fail_above": 0.1}})
    (folder,) = (tmp_path / "quarantine").iterdir()
    assert (folder / "bad-00000.jsonl").read_bytes() == b"".join(line + b"\n" for line in bad)
    index = [json.loads(line) for line in (folder / "bad-00000.index.jsonl").read_text().splitlines()]
    data = export.read_bytes()
    assert [data[i["offset"] : i["offset"] + i["length"]] for i in index] == bad
    assert [i["reason"] for i in index] == ["not UTF-8", "malformed $oid"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_later_document_that_contradicts_the_sample_widens_the_type(launch: Any, write_lines: Any) -> None:
    documents = [{**d, "n": 1} for d in _documents(3000)]
    documents[1501]["n"] = 2.5
    write_lines("export/a.jsonl", documents)
    report = _report(launch({}, fields={"n": {}}))
    assert (report["fields"][0]["type"], report["passes"]) == ("float", 2)
    assert report["documents"]["accepted"] == 3000


@pytest.mark.parametrize(
    ("change", "data", "fields", "message"),
    [
        (lambda d: d[:3], {}, FIELDS, r"split '\w+'.*1 different values of data.split.by 'user_id'"),
        (
            lambda d: [{**x, "retained": True} for x in d],
            {},
            FIELDS,
            "label 'retained'.*the same bool value in all 200",
        ),
        (
            lambda d: [*d, b"x"],
            {},
            FIELDS,
            r"bad documents; expected at most 0.100% of 201 documents; seen: 1 \(0.498%\): not JSON: 1",
        ),
        (lambda d: d, {}, {"profile.contry": {}}, r"path 'profile.contry'.*did you mean 'profile.country'\?"),
        (lambda d: d, {"label": "retaind"}, {}, r"'retaind' \(the label\).*did you mean 'retained'\?"),
        (lambda d: [b"", b" "], {}, FIELDS, "no content in any file"),
        (lambda d: d, {"bad_documents": {"folder": "root/q"}}, FIELDS, "a folder outside the pipeline root"),
        (lambda d: d, {}, {"profile.country": {"to": "x"}, "seen": {"to": "x"}}, "one path per feature"),
    ],
    ids=[
        "empty split",
        "constant label",
        "threshold",
        "wrong path",
        "wrong label",
        "no documents",
        "quarantine",
        "two paths",
    ],
)
def test_failures_are_explained(
    launch: Any, write_lines: Any, tmp_path: Path, change: Any, data: Any, fields: Any, message: str
) -> None:
    write_lines("export/a.jsonl", change(_documents(200)))
    with pytest.raises(DataError, match=message):
        launch(data, fields)
    assert not list((tmp_path / "root").rglob("data_tfrecord*"))


def test_a_truncated_gz_stops_it_and_leaves_nothing(launch: Any, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    data = gzip.compress(b"".join(json.dumps(d).encode() + b"\n" for d in _documents(2000)))
    (tmp_path / "export/a.gz").write_bytes(data[:-20])
    with pytest.raises(DataError, match="the export was cut off"):
        launch({})
    assert not list((tmp_path / "root").rglob("*tfrecord*")) and not list((tmp_path / "root").rglob("*.tmp"))


def test_an_item_that_is_run_again_leaves_no_second_shard(
    write_lines: Any, tmp_path: Path, make_test_plan: Any
) -> None:
    from components.exports.blocks import plan_items, recognise_all
    from components.mongo_example_gen.reading import _publish
    from components.mongo_example_gen.worker import IngestItem, Job

    export = write_lines("a.jsonl", [{"_id": i, "y": i % 2} for i in range(100)])
    (item,) = plan_items(recognise_all([(export, "a")], "auto"))
    (tmp_path / "t").mkdir()
    plan = make_test_plan({"y": "int"})
    job = Job(plan, str(tmp_path / "t"), str(tmp_path / "q"), True)
    attempts = [next(IngestItem(job).process(item)) for _ in range(2)]
    _publish(attempts[1:], tmp_path / "t", tmp_path / "out", plan)
    assert sum(len(_read(str(tmp_path / "out"), split)) for split in plan.splits) == 100
    assert [p.name for p in (tmp_path / "out/Split-train").iterdir()] == ["data_tfrecord-00000-of-00001.gz"]


def test_a_full_disk_is_reported_and_leaves_nothing(
    launch: Any, write_lines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.mongo_example_gen.shards import ShardWriter

    def full(self: ShardWriter, records: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ShardWriter, "write", full)
    write_lines("export/a.jsonl", _documents(50))
    with pytest.raises(StorageError, match="No space left on device; remedy: free space"):
        launch({})
    assert not list((tmp_path / "root").rglob("*.tmp"))


def test_stock_statistics_read_the_shards(launch: Any, write_lines: Any) -> None:
    import tensorflow_data_validation as tfdv

    write_lines("export/a.jsonl", _documents(300))
    artifact = launch({})
    statistics = tfdv.generate_statistics_from_tfrecord(f"{artifact.uri}/Split-train/*")
    features = {f.path.step[0]: f for f in statistics.datasets[0].features}
    assert set(features) == {"_id", "country", "lessons", "scores_value", "seen", "retained"}
    assert features["country"].string_stats.common_stats.num_missing > 0
