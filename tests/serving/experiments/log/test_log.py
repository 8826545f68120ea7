"""What the prediction log writes, and who can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import SpecError
from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.experiments.log.read import tables
from serving.experiments.log.schema import COLUMNS
from tests.serving.experiments.log.logged import choice, outcome, rows


def logged(folder: Path, batch: list[Any], shadows: list[Any] = (), **config: Any) -> PredictionLog:  # type: ignore[assignment]
    log = PredictionLog(LogConfig.model_validate(config), folder, environment={"KEY": "k" * 32})
    log.take(batch, shadows)
    log.close()
    assert not log.dropped
    return log


def test_an_answer_is_a_row_with_everything_about_it(tmp_path: Path) -> None:
    log = logged(tmp_path, [(choice(), outcome(1))])
    [row] = rows(log.directory)
    assert row.pop("time").isoformat() == "2026-09-21T14:13:20.123456+00:00"
    assert row == {
        "request_id": "r1", "row_index": 0, "row_count": 1, "unit": "01" * 16, "experiment": "exp",
        "document": "0123456789ab", "arm": "new", "slot_table": 3, "propensity": 0.25, "backend": "", "model": "learner",
        "label": "", "version": 2, "api": "rest", "method": "predict", "signature": "", "code": 0, "seconds": 0.002,
        "fell_back": False, "shadow": False, "sampling": 1.0, "counted": True, "input_x": 1.5, "input_country": "DE", "output": 0.5,
    }  # fmt: skip
    assert set(row) >= {column.name for column in COLUMNS} - {"time"}


def test_each_row_of_a_request_is_a_row(tmp_path: Path) -> None:
    batch = [(choice(), outcome(1, inputs=[{"x": 1}, {"x": 2}, {"x": 3}], answer=[0.1, 0.2, 0.3]))]
    log = logged(tmp_path, batch, rows=2)
    found = rows(log.directory)
    assert [(row["row_index"], row["row_count"], row["input_x"], row["output"]) for row in found] == [
        (0, 3, 1, 0.1),
        (1, 3, 2, 0.2),
    ]


def test_a_failure_has_its_code_and_no_output(tmp_path: Path) -> None:
    log = logged(
        tmp_path, [(choice(), outcome(1)), (choice(), outcome(2, code=14, response=b"", version=None))]
    )
    failed = rows(log.directory)[1]
    assert (failed["code"], failed["output"], failed["version"], failed["input_x"]) == (14, None, None, 1.5)


def test_copies_are_marked_and_left_out_by_default(tmp_path: Path) -> None:
    log = logged(tmp_path, [(choice(), outcome(1))], [(choice(), "copy", outcome(1, answer=0.75))])
    assert [row["arm"] for row in rows(log.directory)] == ["new"]
    copy = rows(log.directory, shadows=True)[1]
    assert (copy["arm"], copy["shadow"], copy["propensity"], copy["backend"], copy["output"]) == (
        "copy", True, None, "far", 0.75,
    )  # fmt: skip


def test_the_fallback_is_named_when_it_answered(tmp_path: Path) -> None:
    from serving.experiments.contract import Target

    log = logged(tmp_path, [(choice(fallback=Target("learner", 1)), outcome(1, fell_back=True, version=1))])
    [row] = rows(log.directory)
    assert row["fell_back"] and row["version"] == 1 and row["arm"] == "new"


def test_privacy_rules_hold_for_whatever_a_client_sends(tmp_path: Path) -> None:
    rules = {
        "mail": {"truncate": "email"},
        "user": "hash",
        "age": {"generalise": 10},
        "note": "drop",
        "born": {"generalise": "year"},
    }
    sent = [
        {"mail": "ann@example.org", "user": "u1", "age": 37, "note": "secret", "born": 86_400_000 * 400},
        {"mail": 5, "user": ["u1", "u2"], "age": "secret", "note": 1, "born": "secret"},
        {"mail": "secret", "user": 1.5, "age": [31.5, None], "note": ["secret"], "born": None},
    ]  # fmt: skip
    config = {"privacy": {"rules": rules, "key_env": "KEY"}}
    log = logged(
        tmp_path, [(choice(), outcome(1, inputs=sent, answer=[{"user": "secret", "y": 1}] * 3))], **config
    )
    found = rows(log.directory)
    text = json.dumps(found, default=str)
    assert "secret" not in text and "ann" not in text and "input_note" not in text and "u1" not in text
    assert [row["input_age"] for row in found] == [[30.0], None, [30.0, None]]
    assert [row["input_born"] for row in found] == [86_400_000 * 365, None, None]
    assert found[0]["input_mail"] == "example.org"
    assert found[0]["input_user"] == [found[1]["input_user"][0]]
    for file in log.directory.rglob("*.*"):
        assert file.is_dir() or b"secret" not in file.read_bytes()


def test_the_unit_in_an_input_is_left_out_unless_there_is_a_rule(tmp_path: Path) -> None:
    for name, rules, expected in (("a", {}, False), ("b", {"user": "hash"}, True)):
        config = LogConfig.model_validate({"directory": name, "privacy": {"rules": rules, "key_env": "KEY"}})
        log = PredictionLog(config, tmp_path, {"exp": "user"}, {"KEY": "k" * 32})
        log.take([(choice(), outcome(1, inputs=[{"user": "u1", "x": 1}]))])
        log.close()
        [row] = rows(log.directory)
        assert ("input_user" in row) == expected and row.get("input_user") != "u1"


def test_a_missing_key_is_said_at_the_start(tmp_path: Path) -> None:
    config = LogConfig.model_validate({"privacy": {"rules": {"user": "hash"}}})
    with pytest.raises(SpecError, match=r"log\.privacy: hash.*PENSTOCK_PRIVACY_KEY"):
        PredictionLog(config, tmp_path, environment={})


def test_values_can_be_left_out(tmp_path: Path) -> None:
    log = logged(tmp_path, [(choice(), outcome(1))], inputs=False, outputs=False)
    assert not [name for name in rows(log.directory)[0] if name.startswith(("input", "output"))]


def test_a_large_body_is_logged_without_its_values(tmp_path: Path) -> None:
    log = logged(
        tmp_path, [(choice(), outcome(1, inputs=[{"x": "a" * 2000}])), (choice(), outcome(2))], kilobytes=1
    )
    assert [row.get("input_x") for row in rows(log.directory)] == [None, 1.5]


def test_a_sample_is_the_same_everywhere_and_says_its_share(tmp_path: Path) -> None:
    batch = [(choice(), outcome(i)) for i in range(400)]
    first, second = (
        logged(tmp_path / name, batch, [(choice(), "copy", o) for _, o in batch], sampling="25%")
        for name in "ab"
    )
    ids = {row["request_id"] for row in rows(first.directory)}
    assert ids == {row["request_id"] for row in rows(second.directory)}
    assert ids == {row["request_id"] for row in rows(first.directory, shadows=True)}
    assert 60 <= len(ids) <= 140
    assert {row["sampling"] for row in rows(first.directory)} == {0.25}


def test_columns_become_wider_over_time_and_older_files_are_still_read(tmp_path: Path) -> None:
    config = LogConfig()
    for inputs in ({"x": 1}, {"x": 2.5, "y": "a"}, {"x": [1, 2]}, {"x": 4}):
        log = PredictionLog(config, tmp_path)
        log.take([(choice(), outcome(1, inputs=[inputs]))])
        log.close()
    assert [row["input_x"] for row in rows(log.directory)] == [[1.0], [2.5], [1.0, 2.0], [4.0]]
    assert [row["input_y"] for row in rows(log.directory)] == [None, "a", None, None]


def test_what_a_backend_refused_does_not_spoil_a_column(tmp_path: Path) -> None:
    refused = outcome(2, inputs=[{"x": "nonsense", "country": "FR", "new": 1}], code=3, response=b"")
    log = logged(tmp_path, [(choice(), outcome(1)), (choice(), refused)])
    first, second = rows(log.directory)
    assert (first["input_x"], second["input_x"], second["input_country"]) == (1.5, None, "FR")
    assert "input_new" not in second


def test_answers_outside_of_the_results_are_marked(tmp_path: Path) -> None:
    from serving.experiments.contract import Target
    from serving.experiments.live.arms import Bystander

    bystander = Bystander("exp", "old", Target("learner", 1), 1.0, b"", "0123456789ab", 0)
    log = logged(tmp_path, [(choice(), outcome(1)), (bystander, outcome(2))])
    assert [row["counted"] for row in rows(log.directory)] == [True, False]


def test_one_odd_request_does_not_cost_the_others(tmp_path: Path) -> None:
    log = PredictionLog(LogConfig(), tmp_path)
    log.take([(choice(), outcome(1)), (choice(), outcome(2, began=float("inf"))), (choice(), outcome(3))])
    log.close()
    assert [row["request_id"] for row in rows(log.directory)] == ["r1", "r3"]
    assert log.dropped == {"error": 1}


def test_clients_cannot_make_columns_without_end(tmp_path: Path) -> None:
    log = PredictionLog(LogConfig(), tmp_path)
    log.take([(choice(), outcome(i, inputs=[{f"n{i}_{j}": j for j in range(30)}])) for i in range(40)])
    log.close()
    assert len(rows(log.directory)) == 40
    assert len([name for name in rows(log.directory)[0] if name.startswith(("input", "output"))]) == 500
    assert log.columns_left_out == 500


def test_names_of_experiments_are_safe_folders(tmp_path: Path) -> None:
    log = logged(tmp_path, [(choice(experiment="../a/b"), outcome(1))])
    assert [path.name for path in tmp_path.iterdir()] == ["predictions"]
    assert len(rows(log.directory, "../a/b")) == 1


def test_pandas_arrow_and_duckdb_read_it(tmp_path: Path) -> None:
    import duckdb
    import pandas as pd
    import pyarrow.dataset as ds

    batch = [
        (choice(arm), outcome(i, inputs=[{"x": i, "tags": ["a", "b"]}]))
        for i, arm in enumerate(["old", "new", "new"])
    ]
    log = logged(tmp_path, batch)
    glob = f"{log.directory}/exp/*/*.parquet"
    query = f"select arm, count(*), avg(input_x) from read_parquet('{glob}', union_by_name=true) group by arm order by arm"
    assert duckdb.sql(query).fetchall() == [("new", 2, 1.5), ("old", 1, 0.0)]
    frame = pd.read_parquet(log.directory / "exp")
    assert list(frame["input_x"]) == [0, 1, 2] and str(frame["time"].dtype) == "datetime64[us, UTC]"
    table = ds.dataset(log.directory / "exp", partitioning="hive").to_table(filter=ds.field("arm") == "new")
    assert table["input_tags"].to_pylist() == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 2.5, [1.0, 2.5]),
        (1, "a", ["1", "a"]),
        ("a", {"b64": "/wA="}, [b"a", b"\xff\x00"]),
        ([1, 2], [0.5, 1.5], [[1.0, 2.0], [0.5, 1.5]]),
    ],
    ids=["point", "text", "bytes", "lists"],
)
def test_all_readers_see_columns_that_became_wider(
    tmp_path: Path, first: Any, second: Any, expected: list[Any]
) -> None:
    import duckdb
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds

    for number, value in enumerate((first, second)):
        log = logged(tmp_path, [(choice(), outcome(number, inputs=[{"x": value, f"only_{number}": number}]))])
    folder = log.directory / "exp"
    union = (
        f"select input_x from read_parquet('{folder}/*/*.parquet', union_by_name=true) order by request_id"
    )
    assert [row[0] for row in duckdb.sql(union).fetchall()] == expected
    frame = pd.read_parquet(folder).sort_values("request_id")
    assert [
        value if isinstance(value, str | bytes | float) else list(value) for value in frame["input_x"]
    ] == expected
    assert list(frame["input_only_1"].fillna(-1)) == [-1, 1]
    table = ds.dataset(folder, partitioning="hive").to_table()
    assert table.sort_by("request_id")["input_x"].to_pylist() == expected
    assert pa.concat_tables(tables(log.directory, "exp"))["input_x"].to_pylist() == expected


def test_duckdb_reads_files_whose_columns_differ(tmp_path: Path) -> None:
    import duckdb

    for inputs in ({"x": 1}, {"x": 2.5, "y": "a"}):
        log = logged(tmp_path, [(choice(), outcome(1, inputs=[inputs]))])
    glob = f"{log.directory}/*/*/*.parquet"
    query = f"select input_x, input_y from read_parquet('{glob}', union_by_name=true) order by 1"
    assert duckdb.sql(query).fetchall() == [(1.0, None), (2.5, "a")]
