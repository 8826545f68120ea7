"""The log joined with its labels is the next training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundation.errors import DataError, StorageError
from serving.experiments.assignment.units import hashed, layer_key
from serving.experiments.log.config import LogConfig
from serving.experiments.log.documents import Shape
from serving.experiments.log.export import export
from serving.experiments.log.join import held_out
from serving.experiments.log.labels import Label, from_file, from_store
from serving.experiments.log.log import PredictionLog
from tests.serving.experiments.log.logged import BEGAN, choice, outcome


def unit(number: int) -> bytes:
    return number.to_bytes(16)


def log_of(folder: Path, batch: list[Any], shadows: list[Any] = ()) -> Path:  # type: ignore[assignment]
    log = PredictionLog(LogConfig(), folder)
    log.take(batch, shadows)
    log.close()
    return log.directory


def written(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "data-00000.parquet").to_pylist()
    return rows


def test_rows_have_features_label_weight_and_arm(tmp_path: Path) -> None:
    batch = [
        (choice(arm, unit=unit(i)), outcome(i, inputs=[{"x": i + 0.5, "country": "DE"}]))
        for i, arm in enumerate(["old", "new", "new"])
    ]
    labels = [Label(unit(0).hex(), 1.0, "old", BEGAN), Label(unit(2).hex(), 0.0, "new", BEGAN)]
    made = export(log_of(tmp_path, batch), "exp", labels, tmp_path / "exports" / "{SPAN}", "kept")
    assert (made.folder.name, made.rows, made.arms) == ("1", 2, {"old": 1, "new": 1})
    assert made.left_out == {"without a label, or not the request of their unit that counts": 1}
    first, second = written(made.folder)
    about = first.pop("penstock")
    assert first == {"_id": "r0", "x": 0.5, "country": "DE", "kept": True} and second["kept"] is False
    assert about.pop("at").isoformat() == "2026-09-21T14:13:20.123000+00:00"
    assert about == {
        "request_id": "r0", "row": 0, "unit": unit(0).hex(), "arm": "old", "version": 2, "propensity": 0.25, "weight": 4.0,
    }  # fmt: skip
    assert (
        export(log_of(tmp_path, []), "exp", labels, tmp_path / "exports" / "{SPAN}", "kept").folder.name
        == "2"
    )


def test_copies_failures_and_fallbacks_are_left_out(tmp_path: Path) -> None:
    batch = [
        (choice(unit=unit(0)), outcome(0)),
        (choice(unit=unit(1)), outcome(1, code=14, response=b"")),
        (choice(unit=unit(2)), outcome(2, fell_back=True)),
    ]
    copies = [(choice(unit=unit(3)), "copy", outcome(3))]
    labels = [Label(unit(i).hex(), 1.0) for i in range(4)]
    made = export(log_of(tmp_path, batch, copies), "exp", labels, tmp_path / "out", "kept")
    assert [row["penstock"]["request_id"] for row in written(made.folder)] == ["r0"]
    assert made.left_out == {"shadow copies": 1, "failed": 1, "answered by the fallback": 1}


def test_of_a_units_requests_the_one_that_was_rewarded_is_taken(tmp_path: Path) -> None:
    batch = [(choice(unit=unit(1)), outcome(i, inputs=[{"x": i}], began=BEGAN + 100 * i)) for i in range(6)]
    batch.append((choice("old", unit=unit(1)), outcome(9, inputs=[{"x": 9}], began=BEGAN + 205)))
    epochs = [Label(unit(1).hex(), 1.0, "new", BEGAN + 205), Label(unit(1).hex(), 0.0, "new", BEGAN + 501)]
    made = export(log_of(tmp_path, batch), "exp", epochs, tmp_path / "out", "kept")
    assert [(row["x"], row["kept"]) for row in written(made.folder)] == [(2, True), (5, False)]


def test_without_a_time_the_first_request_is_taken_and_requests_go_by_their_id(tmp_path: Path) -> None:
    batch = [(choice(unit=unit(1)), outcome(i, began=BEGAN - i)) for i in range(3)]
    batch.append((choice(unit=b""), outcome(7, inputs=[{"x": 7}, {"x": 8}], answer=[0, 1])))
    batch.append((choice(unit=unit(2)), outcome(8)))
    labels = [Label(unit(1).hex(), 3), Label("r7", 5), Label("r8", 6)]
    made = export(log_of(tmp_path, batch), "exp", labels, tmp_path / "out", "kept")
    units = {row["penstock"]["request_id"]: row["penstock"]["unit"] for row in written(made.folder)}
    assert units == {"r2": unit(1).hex(), "r7": "r7", "r8": unit(2).hex()}
    assert [(row["_id"], row["kept"]) for row in written(made.folder)] == [
        ("r2", 3.0),
        ("r7", 5.0),
        ("r7-1", 5.0),
        ("r8", 6.0),
    ]


def test_documents_get_the_shape_that_a_pipeline_reads(tmp_path: Path) -> None:
    missing = -(2**63)
    inputs = [
        [
            {
                "country": "DE",
                "age": 31,
                "signup_at": 86_400_000,
                "minutes": 1.5,
                "topics": ["a", "", "b"],
                "paid": 1,
            }
        ],
        [{"country": "", "age": missing, "signup_at": missing, "minutes": 2, "topics": [""], "paid": 0}],
    ]
    shape = Shape(
        {"country": "profile.country", "age": "profile.age", "kept": "result.kept"},
        {"signup_at": "date", "minutes": "float", "paid": "bool", "age": "int"},
        key="user_id",
    )
    batch = [(choice(unit=unit(i)), outcome(i, inputs=one)) for i, one in enumerate(inputs)]
    labels = [Label(unit(i).hex(), 1.0) for i in range(2)]
    made = export(log_of(tmp_path, batch), "exp", labels, tmp_path / "out", "kept", shape)
    for row in (rows := written(made.folder)):
        del row["penstock"], row["_id"]
    rows[0]["signup_at"] = rows[0]["signup_at"].isoformat()
    assert rows == [
        {"profile": {"country": "DE", "age": 31}, "signup_at": "1970-01-02T00:00:00+00:00", "minutes": 1.5,
         "topics": ["a", "b"], "paid": True, "result": {"kept": True}, "user_id": unit(0).hex()},
        {"profile": {"country": None, "age": None}, "signup_at": None, "minutes": 2.0,
         "topics": [], "paid": False, "result": {"kept": True}, "user_id": unit(1).hex()},
    ]  # fmt: skip


def test_the_holdout_is_the_same_in_each_export_and_its_complement(tmp_path: Path) -> None:
    batch = [(choice(unit=unit(i)), outcome(i)) for i in range(300)]
    directory = log_of(tmp_path, batch)
    labels = [Label(unit(i).hex(), 1.0) for i in range(300)]
    train = export(directory, "exp", labels, tmp_path / "train", "kept", holdout=0.2)
    kept = export(directory, "exp", labels, tmp_path / "holdout", "kept", holdout=0.2, only_holdout=True)
    ids = [{row["penstock"]["unit"] for row in written(one.folder)} for one in (train, kept)]
    assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 300
    assert 30 <= kept.rows <= 90 and train.left_out == {"held out": kept.rows}
    assert all(held_out(one, 0.2) for one in ids[1]) and all(held_out(one, 0.5) for one in ids[1])


def test_nothing_to_write_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    directory = log_of(tmp_path, [(choice(), outcome(1))])
    with pytest.raises(DataError, match=r"a request with a label; seen: 1 without a label.*--labels"):
        export(directory, "exp", [], tmp_path / "out", "kept")
    assert not (tmp_path / "out").exists()


def test_names_that_collide_are_said_and_leave_nothing(tmp_path: Path) -> None:
    directory = log_of(tmp_path, [(choice(), outcome(1))])
    labels = [Label("01" * 16, 1.0)]
    with pytest.raises(DataError, match="label x; expected a name that no input has"):
        export(directory, "exp", labels, tmp_path / "out", "x")
    with pytest.raises(DataError, match="a value and a document at one path"):
        export(directory, "exp", labels, tmp_path / "out", "kept", Shape({"x": "country.x"}))
    (tmp_path / "there").mkdir()
    with pytest.raises(StorageError, match=r"end the path with \{SPAN\}"):
        export(directory, "exp", labels, tmp_path / "there", "kept")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions", "there"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("key", ["request_id", "unit"])
def test_labels_come_from_a_file(tmp_path: Path, ending: str, key: str) -> None:
    path = tmp_path / f"labels.{ending}"
    rows = [{key: "007", "kept": 1, "other": "a"}, {key: "8", "kept": 0, "other": "b"}]
    if ending == "csv":
        path.write_text("\n".join([f"{key},kept,other", "007,1,a", "8,0,b"]))
    elif ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    expected = "007" if key == "request_id" else hashed(layer_key("salt"), "007").hex()
    labels = from_file(path, "kept", "salt")
    assert (labels[0].key, [one.value for one in labels]) == (expected, [1, 0])
    with pytest.raises(DataError, match="did you mean 'kept'"):
        from_file(path, "keptt", "salt")


def test_a_file_that_is_no_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"\.csv, \.jsonl or \.parquet"):
        from_file(tmp_path / "a.txt", "kept", "")
    (tmp_path / "a.parquet").write_text("x")
    with pytest.raises(DataError, match="a readable table"):
        from_file(tmp_path / "a.parquet", "kept", "")
    with pytest.raises(StorageError):
        from_file(tmp_path / "b.csv", "kept", "")


def test_labels_come_from_the_store_once_the_window_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.experiments.rewards.config import RewardConfig
    from serving.experiments.state.open import rules_of
    from serving.experiments.state.sqlite import SqliteStore
    from serving.experiments.state.store import Exposure, Reward

    config = RewardConfig(metric="kept", window=1e-9)
    store = SqliteStore(tmp_path / "state.db")
    store.declare("exp", rules_of(RewardConfig(metric="kept", window=3600)))
    store.expose([Exposure("exp", f"u{i}", f"r{i}", "new", 0.5) for i in range(3)])
    store.reward([Reward("exp", "kept", 1.0, request_id="r1")])
    assert from_store(store, "exp", config.counted) == []
    store.declare("exp", rules_of(config))
    assert [(one.key, one.value, one.arm) for one in from_store(store, "exp", config.counted)] == [
        ("u0", 0.0, "new"), ("u1", 1.0, "new"), ("u2", 0.0, "new"),
    ]  # fmt: skip
    excluded = RewardConfig(metric="kept", missing="excluded")
    assert [one.key for one in from_store(store, "exp", excluded.counted)] == ["u1"]
    store.close()
