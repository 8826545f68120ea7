"""The demo's own arithmetic: it finds the pipeline's test split and the truth's AUC on it, and says what was made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from components.mongo_example_gen.splits.codes import split_codes

FOLDER = Path(__file__).parents[2] / "examples" / "learner_retention"


@pytest.fixture(scope="module")
def demo():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import demo

        yield demo
    for name in ("demo", "generate"):
        sys.modules.pop(name, None)


def run_of(demo, rows: int, **changes) -> dict:
    auc = {"metric": "auc", "slice": "overall", "value": 0.82, "low": 0.80, "high": 0.84, "rows": rows}
    pushed = {"properties": {"pushed_destination": str(FOLDER / "serving_models" / "1")}}
    verdict = {"blessed": True, "metrics": [auc]}
    return {
        "verdict": verdict,
        "artifacts": {"Pusher.pushed_model": pushed},
        "report": "/tmp/report.html",
        **changes,
    }


def test_demo_splits_as_the_document_and_the_component_do(demo):
    assert yaml.safe_load(demo.DOCUMENT.read_text())["data"]["split"] == {"by": "user_id", **demo.SHARES}
    chosen = [document["user_id"] for document in demo.test_documents()]
    assert set(split_codes(chosen, tuple(demo.SHARES.values()))) == {2}


def test_summary_names_what_was_made(demo):
    best, rows = demo.auc_of_the_truth()
    text = "\n".join(demo.summary(run_of(demo, rows), 71.0))
    assert f"{best:.4f} is what the true probabilities reach" in text
    assert "examples/learner_retention/serving_models/1" in text


def test_summary_refuses_to_compare_different_documents(demo):
    with pytest.raises(RuntimeError, match="tested on 7 documents"):
        demo.summary(run_of(demo, 7), 71.0)


def test_summary_says_when_nothing_was_pushed(demo):
    _, rows = demo.auc_of_the_truth()
    assert any(
        line.split() == ["pushed", "nothing"] for line in demo.summary(run_of(demo, rows, artifacts={}), 1.0)
    )
