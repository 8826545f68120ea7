"""``penstock experiment start``, ``status``, ``ramp``, ``stop`` and ``reward`` through their entry point."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import bson
import pytest

from pipeline.cli.main import main
from serving.experiments.assignment.units import hashed, layer_key
from serving.experiments.document.reader import read_document
from serving.experiments.state.open import open_store, rules_of
from serving.experiments.state.store import Exposure, Store

DOCUMENT = """
experiments:
  e:
    model: m
    control: old
    arms: {old: {version: 1, weight: 70%}, new: {version: 2, weight: 20%}, far: {version: 3, weight: 10%}}
    reward: {metric: retained, window: 1h}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("experiments.yaml").write_text(DOCUMENT)
    return tmp_path


def run(*arguments: str) -> int:
    return main(["experiment", *arguments])


def seen(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run("status", "e", "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def expose(*units: str) -> Store:
    """Exposes units as the router does; request ``r-UNIT`` is one of each."""
    document = read_document(Path("experiments.yaml"))
    store = open_store(document.state, Path())
    store.declare("e", rules_of(document.experiments["e"].reward))
    key = layer_key(document.salt("default"))
    arms = ("old", "new", "far")
    store.expose(
        [
            Exposure("e", hashed(key, unit).hex(), f"r-{unit}", arms[n % 3], (0.7, 0.2, 0.1)[n % 3])
            for n, unit in enumerate(units)
        ]
    )
    return store


def test_an_experiment_is_started_ramped_and_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    assert seen(capsys)["phase"] == "draft"
    assert run("start", "e") == 0
    assert run("ramp", "e", "new=25%", "far=0.05") == 0
    assert "new 25%, far 5%" in capsys.readouterr().out
    now = seen(capsys)
    assert (now["phase"], now["weights_from"]) == ("running", "ramp")
    assert {arm: round(it["weight"], 9) for arm, it in now["arms"].items()} == {
        "old": 0.7,
        "new": 0.25,
        "far": 0.05,
    }
    assert run("stop", "e", "--reason", "holidays") == 0
    now = seen(capsys)
    assert now["phase"] == "stopped"
    assert [event["kind"] for event in now["events"]] == ["started", "ramped", "stopped"]
    assert all("@" in event["detail"]["by"] and event["at"] > 0 for event in now["events"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("ramp", "e", "new=20%"), "never started"),
        (("ramp", "e", "new"), "expected ARM=SHARE"),
        (("ramp", "e", "new=20%", "new=30%"), "seen: two"),
        (("ramp", "e", "new=lots"), "a share such as 20%"),
        (("ramp", "e", "new=20"), "write 20%"),
        (("start", "a"), "expected one of e"),
        (("status", "f"), "expected one of e"),
        (("stop", "e"), "never started"),
    ],
    ids=["draft", "no share", "twice", "no number", "percent", "another", "another's status", "stop"],
)
def test_what_cannot_be_done_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    assert run(*arguments) != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert text in line


def test_the_screen_shows_arms_rewards_alarms_and_events(capsys: pytest.CaptureFixture[str]) -> None:
    run("start", "e")
    store = expose("a", "b", "c", "d")
    Path("labels.csv").write_text("unit,retained\na,1\nb,0\nnobody,1\n")
    run("reward", "e", "--from", "labels.csv")
    from serving.experiments.state.lifecycle import change

    change(store, "e", lambda life: life.without("new", "five failures in a row", 1.0))
    store.close()
    capsys.readouterr()
    assert run("status") == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0].startswith("e  running since ")
    (old,) = (line for line in lines if line.startswith("old"))
    assert old.split()[:5] == ["old", "90%", "2", "2", "1"]
    assert "rewards (retained, within 1h): 2 accepted, 1 unknown" in shown
    assert "alarm: arm new was taken out: five failures in a row" in shown
    assert "verdict: " in shown
    assert "3 rows of labels.csv" in shown


def test_without_a_name_each_experiment_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    other = DOCUMENT.replace("experiments:\n", "").replace("  e:", "  f:").replace("model: m", "model: n")
    Path("experiments.yaml").write_text(DOCUMENT + other.replace("arms:", "share: 50%\n    arms:"))
    text = Path("experiments.yaml").read_text().replace("    arms:", "    share: 50%\n    arms:", 1)
    Path("experiments.yaml").write_text(text)
    run("start", "f")
    capsys.readouterr()
    assert run("status") == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["e", "draft"], ["f", "running"]]


ROWS = [
    {"unit": "a", "retained": 1},
    {"unit": "b", "retained": 0},
    {"unit": "a", "retained": 1},
    {"unit": "b", "retained": 1},
    {"unit": "nobody", "retained": 1},
    {"unit": "c", "retained": None},
    {"unit": "d", "retained": 2},
    {"retained": 1},
]


def write(name: str) -> str:
    if name.endswith(".csv"):
        text = "".join(
            f"{row.get('unit', '')},{'' if row['retained'] is None else row['retained']}\n" for row in ROWS
        )
        Path(name).write_text("unit,retained\n" + text)
    elif name.endswith(".bson"):
        Path(name).write_bytes(b"".join(bson.encode(row) for row in ROWS))
    elif name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(ROWS), name)
    else:
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return name


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.parquet", "labels.bson"])
def test_rewards_are_joined_from_files_of_any_kind_and_each_counts_once(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    expose("a", "b", "c", "d").close()
    write(name)
    expected = {
        "rows": 8,
        "accepted": 2,
        "repeated": 1,
        "conflicting": 1,
        "unknown": 1,
        "refused": 1,
        "without a value": 1,
        "without a unit or request": 1,
    }
    assert run("reward", "e", "--from", name, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {key: found[key] for key in expected} == expected
    assert "row 7" in found["examples"][0]
    assert "0, 1, true or false" in found["examples"][0]
    run("reward", "e", "--from", name, "--json")
    again = json.loads(capsys.readouterr().out)
    assert (again["accepted"], again["repeated"]) == (0, 3)
    assert seen(capsys)["counters"]["accepted"] == 2


def test_fields_are_found_by_path_and_object_ids_are_units(capsys: pytest.CaptureFixture[str]) -> None:
    user = bson.ObjectId()
    expose(str(user), "7", "x").close()
    rows = [
        {"user": {"_id": user}, "kept": True},
        {"user": {"_id": bson.Int64(7)}, "kept": bson.Int64(0)},
    ]
    Path("users.bson").write_bytes(b"".join(bson.encode(row) for row in rows))
    arguments = ("--from", "users.bson", "--unit", "user._id", "--value", "kept", "--json")
    assert run("reward", "e", *arguments) == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 2
    Path("requests.csv").write_text("id,value\nr-x,1\n")
    assert run("reward", "e", "--from", "requests.csv", "--request", "id", "--json") == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 1


@pytest.mark.parametrize(
    ("head", "arguments", "text"),
    [
        ("user,retained", (), "expected unit or request_id in some row"),
        ("unit,kept", (), "expected retained or value in some row"),
        ("unit,retained", ("--value", "kept"), "expected kept in some row"),
        ("unit,retained", ("--unit", "a", "--request", "b"), "seen: both"),
    ],
)
def test_columns_that_are_not_there_are_named(
    capsys: pytest.CaptureFixture[str], head: str, arguments: tuple[str, ...], text: str
) -> None:
    Path("labels.csv").write_text(f"{head}\na,1\n")
    assert run("reward", "e", "--from", "labels.csv", *arguments) != 0
    assert text in capsys.readouterr().err


def test_the_commands_answer_without_numpy_tensorflow_or_pyarrow() -> None:
    code = (
        "import sys; from pipeline.cli.main import main; assert main(['experiment', 'status', 'e']) == 0; "
        "assert main(['experiment', 'start', 'e']) == 0; "
        "print([m for m in ('numpy', 'scipy', 'tensorflow', 'pyarrow', 'pandas', 'tfx', 'psycopg') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
