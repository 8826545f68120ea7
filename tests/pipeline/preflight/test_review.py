"""What would stop a run after minutes is found before it, and only certain things are errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.mongo_example_gen import preview
from foundation.errors import DataError, PenstockError
from pipeline.document import load
from pipeline.preflight import PreflightError, Review, refuse
from pipeline.runs.session import Session

Reviewed = Callable[..., Review]


def people(count: int, won: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [{"n": i % 17, "won": won(i)} for i in range(count)]


def errors(review: Review) -> list[str]:
    return [str(one) for one in review.remarks if one.certain]


def warnings(review: Review) -> list[str]:
    return [str(one) for one in review.remarks if not one.certain]


def test_a_sound_project_has_no_remarks(reviewed: Reviewed) -> None:
    assert reviewed(people(300, lambda i: i % 2)).remarks == ()


@pytest.mark.parametrize(
    ("won", "model", "words"),
    [
        pytest.param(
            lambda i: "yes" if i % 3 else "no",
            {},
            ["'yes' 200 times, 'no' 100 times", 'positive: "yes" or'],
            id="text",
        ),
        pytest.param(
            lambda i: 2 + 2 * (i % 2), {}, ["'2' 150 times", "positive: 2 or positive: 4"], id="2 and 4"
        ),
        pytest.param(
            lambda i: "yes" if i % 3 else "no", {"positive": "yse"}, ["did you mean 'yes'?"], id="misspelt"
        ),
        pytest.param(
            lambda i: "yes" if i % 3 else "no", {"positive": True}, ["'yes' 200 times"], id="yes of YAML 1.1"
        ),
        pytest.param(
            lambda i: i % 2,
            {"positive": "yes"},
            ["label won is a number", "'0' 150 times"],
            id="text of a number",
        ),
        pytest.param(lambda i: f"p{i % 3}@example.org", {}, ["3 different values"], id="personal values"),
        pytest.param(
            lambda i: "rare" if i < 4 else "usual",
            {},
            ["'usual' 296 times and 1 more value"],
            id="rare value",
        ),
    ],
)
def test_a_label_without_a_positive_value(
    reviewed: Reviewed, won: Callable[[int], Any], model: dict[str, Any], words: list[str]
) -> None:
    (error,) = errors(reviewed(people(300, won), model={"task": "binary", **model}))
    assert "pipeline.yaml:" in error
    assert all(word in error for word in words), error
    assert not any(word in error for word in ("example.org", "rare"))


@pytest.mark.parametrize(("positive", "value"), [(True, "true"), (False, "False"), (1.0, "1"), ("a", "a")])
def test_a_positive_value_is_found_as_text_too(reviewed: Reviewed, positive: object, value: str) -> None:
    documents = people(300, lambda i: value if i % 2 else "other")
    assert errors(reviewed(documents, model={"task": "binary", "positive": positive})) == []


def test_no_positive_in_the_test_split(reviewed: Reviewed) -> None:
    documents = people(300, lambda i: 0)
    chosen = _in_split(documents, 0)[:4] + _in_split(documents, 1)[:2]
    for place in chosen:
        documents[place]["won"] = 1
    (error,) = errors(reviewed(documents))
    assert "split 'test'; expected positive and negative labels; seen: no positive one among" in error
    assert "6 positive in all splits" in error
    assert "stratify: won" in error
    assert errors(reviewed(documents, data={"split": {"stratify": "won"}})) == []


def _in_split(documents: list[dict[str, Any]], split: int) -> list[int]:
    from components.mongo_example_gen.splits.codes import split_codes

    codes = split_codes([f"d{i}" for i in range(len(documents))], (7, 1, 2))
    return [int(i) for i in (codes == split).nonzero()[0]]


@pytest.mark.parametrize(
    ("documents", "sections", "words"),
    [
        pytest.param(
            people(300, lambda i: 1),
            {},
            "label 'won'; expected at least two different values",
            id="one class",
        ),
        pytest.param(
            people(300, lambda i: None), {}, "label 'won' (path 'won'); expected a value", id="no label"
        ),
        pytest.param(
            people(300, lambda i: i % 2),
            {"features": {"n": "zscore", "nn": "zscore"}},
            "data.fields: path 'nn'; expected a path that occurs",
            id="path",
        ),
        pytest.param(
            people(300, lambda i: i % 2),
            {"data": {"split": {"by": "user"}}},
            "data.split.by 'user'",
            id="split key",
        ),
        pytest.param(
            people(6, lambda i: i % 2), {}, "split 'validation'; expected at least one document", id="split"
        ),
        pytest.param(
            [{"n": f"x{i}", "won": i % 2} for i in range(300)],
            {},
            "features.n: zscore on 'n', read as string; use vocabulary or hash",
            id="type of a feature",
        ),
        pytest.param(
            people(300, lambda i: "abc"[i % 3]),
            {"model": {"task": "regression"}, "evaluate": {"metrics": ["rmse"], "gates": "none"}},
            "data.label: regression needs a number",
            id="type of the label",
        ),
        pytest.param(
            [{"n": "a" if i % 3 else 5, "won": i % 2} for i in range(300)],
            {"data": {"fields": {"n": {"type": "int"}}}},
            "data.fields: 'n'; expected values that fit the type int",
            id="misfits",
        ),
        pytest.param(
            people(300, lambda i: "abc"[i % 3]),
            {
                "model": {"task": "multiclass"},
                "evaluate": {"metrics": ["accuracy"], "gates": "none"},
                "train": {"class_weights": {"d": 2}},
            },
            "train.class_weights.d: no label has this value",
            id="class weights",
        ),
    ],
)
def test_what_an_ingestion_or_a_transform_would_refuse(
    reviewed: Reviewed, documents: list[dict[str, Any]], sections: dict[str, Any], words: str
) -> None:
    found = errors(reviewed(documents, **sections))
    assert any(words in error for error in found), found


def test_several_errors_are_told_at_once(reviewed: Reviewed) -> None:
    found = reviewed(people(300, lambda i: "yn"[i % 2]), features={"a": "zscore", "b": "zscore"})
    with pytest.raises(PreflightError) as caught:
        refuse(found.remarks)
    assert (caught.value.exit_code, str(caught.value).count("\n")) == (DataError.exit_code, 2)


def test_a_part_of_an_export_proves_no_absence(reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "MOST_DOCUMENTS", 200)
    documents = [*people(300, lambda i: 0), *({"n": 1, "nn": 2, "won": 1} for _ in range(50))]
    found = reviewed(documents, features={"n": "zscore", "nn": "zscore"})
    assert errors(found) == []
    said = warnings(found)
    assert any("in 200 documents of the export: data.fields: path 'nn'" in line for line in said)
    assert any("none of 200 labels is the positive value" in line for line in said)


def test_two_values_of_which_none_is_positive_are_enough(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_DOCUMENTS", 200)
    assert "is the positive value" in errors(reviewed(people(300, lambda i: "yn"[i % 2])))[0]


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (
            {"min_rows": 100},
            "rows, needs 100 to decide; give the test split more rows (data.split.test) or lower auc's min_rows",
        ),
        ({"min_rows": 5, "min_positives": 50}, "positives, needs 50 to decide"),
    ],
)
def test_a_gate_that_cannot_decide_is_warned_of(reviewed: Reviewed, gate: dict[str, int], words: str) -> None:
    evaluate = {"metrics": ["auc"], "gates": {"auc": {"at_least": 0.5, **gate}}}
    found = reviewed(people(300, lambda i: i % 2), evaluate=evaluate)
    (said,) = warnings(found)
    assert errors(found) == []
    assert "evaluate.gates.auc: no model of this run can be blessed: the test split has" in said
    assert words in said


def test_an_unwritable_place_for_models(reviewed: Reviewed, tmp_path: Path) -> None:
    (tmp_path / "served").write_text("a file", encoding="utf-8")
    (error,) = errors(reviewed(people(300, lambda i: i % 2), push={"to": "served/models"}))
    assert "push.to: served/models; expected a folder that can be written; seen:" in error
    assert "served is not a folder" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_without_rights(reviewed: Reviewed, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir(mode=0o555)
    assert "may not be written" in errors(reviewed(people(300, lambda i: i % 2)))[0]


def test_only_what_the_nodes_need_is_looked_at(reviewed: Reviewed, tmp_path: Path) -> None:
    (tmp_path / "served").write_text("a file", encoding="utf-8")
    documents = people(300, lambda i: "yn"[i % 2])
    assert reviewed(documents, nodes=("MongoExampleGen",)).remarks == ()
    assert len(errors(reviewed(documents, nodes=("Pusher",)))) == 1
    assert reviewed(documents, nodes=()).remarks == ()


def test_documents_are_not_looked_at_again_where_only_the_training_changed(reviewed: Reviewed) -> None:
    documents = [{"n": n, "won": "never"} for n in range(20)]
    assert reviewed(documents).remarks
    assert reviewed(documents, nodes=("Trainer", "EvaluationGate", "Pusher")) == Review()


def test_weights_of_classes_are_held_against_the_documents_whatever_else_is_reused(
    reviewed: Reviewed,
) -> None:
    documents = [{"n": n, "won": "abc"[n % 3]} for n in range(90)]
    sections = {"model": {"task": "multiclass"}, "evaluate": {"metrics": ["accuracy"], "gates": "none"}}
    for weighed, found in (("a", 0), ("d", 1)):
        train = {"class_weights": {weighed: 2.0}}
        assert len(reviewed(documents, nodes=("Trainer",), train=train, **sections).remarks) == found


def test_nothing_heavy_is_loaded(reviewed: Reviewed, tmp_path: Path) -> None:
    reviewed(people(300, lambda i: i % 2))
    code = (
        "import sys; from pathlib import Path; from pipeline.document import load; from pipeline.runs.session import Session\n"
        "s = Session(load([Path('pipeline.yaml')])); assert not {'numpy', 'pyarrow'} & set(sys.modules)\n"
        "s.review(s.plan()); print(sorted({'tensorflow', 'apache_beam', 'tfx', 'keras', 'scipy'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_errors_keep_their_lines_when_pickled() -> None:
    import pickle

    error = PreflightError([DataError("a", seen="b"), PenstockError("c")])
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "a; seen: b\nc"


def test_a_look_is_not_taken_twice(
    reviewed: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = {"metrics": ["auc"], "gates": {"auc": {"at_least": 0.5, "min_rows": 100}}}
    reviewed(people(300, lambda i: i % 2), evaluate=evaluate)
    session = Session(load([tmp_path / "pipeline.yaml"]))
    before = sorted(tmp_path.iterdir())
    first = session.review(session.plan())
    assert sorted(tmp_path.iterdir()) == before, "nothing is written before the first run"
    session.root.mkdir()
    session.review(session.plan())
    with monkeypatch.context() as patch:
        patch.setattr(preview, "preview", None)
        assert warnings(session.review(session.plan())) == warnings(first)
    (tmp_path / "export.jsonl").write_text('{"_id": 1, "n": 1, "won": 1}\n', encoding="utf-8")
    later = Session(load([tmp_path / "pipeline.yaml"]))
    assert errors(later.review(later.plan()))
    assert errors(later.review(later.plan())), "what is certain is not remembered"
