"""``penstock experiment check``: what a document says and would move; nothing is changed by asking."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.main import main
from serving.experiments.live.review import review
from tests.serving.experiments.live.conftest import Open, experiment


def test_units_that_would_move_are_said_before_they_do(opened: Open, document: Path) -> None:
    text = "state: state.db\n" + experiment()
    plane = opened(text)
    plane.start("e")
    plane.live.close()
    before = plane_state(document)
    assert [move.line() for move in review(document).moves] == ["layer default: no unit moves"]
    document.write_text(text.replace("80%", "70%").replace("20%", "30%"))
    found = review(document)
    assert [move.line() for move in found.moves] == [
        "layer default: 10% of the units move: 10% from e/old to e/new"
    ]
    assert found.experiments[0].phase == "running"
    document.write_text("layers: {default: {salt: other}}\n" + text)
    assert review(document).moves[0].share == 1.0
    assert plane_state(document) == before


def plane_state(document: Path) -> bytes:
    return (document.parent / "state.db").read_bytes()


def test_without_a_state_nothing_is_made(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document.write_text(experiment())
    assert main(["experiment", "check", "-f", str(document)]) == 0
    said = capsys.readouterr().out
    assert "state: experiments.db is not there yet: nothing was started" in said
    assert sorted(path.name for path in document.parent.iterdir()) == ["experiments.yaml"]
    assert main(["experiment", "check", "-f", str(document), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["experiments"][0]["arms"][1]["share"] == 0.2


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("unit: request", "each request is assigned by itself"),
        ("", "a request without its unit is assigned by itself"),
        ("mode: thompson", "a unit keeps its first arm"),
        ("mode: {type: ucb, stickiness: epochs, epoch: 1d}", "every unit is drawn anew each 1d"),
        ("mode: shadow", "weights have no effect"),
        ("planned: {units: 6000000}", "cannot be reached: reward: most_units is 5,000,000"),
        ("mode: ucb, planned: {units: 2000000}", "cannot be reached: limits: units is 1,000,000"),
        ("planned: {units: 20000, per_day: 100}", "take about 200 days at 100 new units a day"),
        ("planned: {units: 200}", "new gets about 40 of the planned 200 units"),
        ("share: 0.5%", "its 50 slots are few: an arm's share moves in steps of 2%"),
    ],
)
def test_what_is_easily_overlooked_is_said(document: Path, keys: str, said: str) -> None:
    document.write_text(experiment(keys))
    assert said in "\n".join(review(document).lines())


def test_init_writes_a_document_that_check_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for version in (1, 4, 12):
        (tmp_path / "learner" / str(version)).mkdir(parents=True)
    assert main(["experiment", "init", "learner"]) == 0
    assert main(["experiment", "check"]) == 0
    assert "new       10%  learner version 12" in capsys.readouterr().out
    assert main(["experiment", "init", "learner"]) == 7  # it is not written over
    assert main(["experiment", "init", "nowhere", "-o", "other.yaml"]) == 2


def test_check_loads_no_numpy_and_no_tensorflow(document: Path) -> None:
    document.write_text(experiment("mode: thompson"))
    code = (
        "import sys; from pipeline.cli.main import main; main(['experiment', 'check', '-f', sys.argv[1]]); "
        "heavy = {'numpy', 'scipy', 'pyarrow', 'tensorflow', 'prometheus_client', 'psycopg', 'grpc'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(document)], check=True, capture_output=True)
