"""How a worker's failure reaches the user."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from foundation.errors import DataError, LockedError, NodeError, PenstockError, StorageError, UserCodeError
from foundation.user_code import load_function
from pipeline.roots.opening import open_root
from pipeline.runners.process import rebuilt_error
from pipeline.runners.worker import _failure, _refuse_if_taken_over, _Work, our_error, own_code_fault
from pipeline.task.exits import code_of


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        pytest.param(ValueError("bad shape\nmore"), NodeError, "ValueError: bad shape", id="any other error"),
        pytest.param(
            RuntimeError("database or disk is full"),
            StorageError,
            "free space",
            id="a full disk in the store",
        ),
        pytest.param(
            DataError("export e", seen="nothing"), DataError, "export e; seen: nothing", id="one of ours"
        ),
    ],
)
def test_a_failure_keeps_its_kind_of_error(error: Exception, kind: type[PenstockError], words: str) -> None:
    back = rebuilt_error(_failure("Transform", raised(error)))
    assert type(back) is kind
    assert words in str(back)


def test_our_error_is_found_in_a_librarys_chain_of_causes() -> None:
    ours = DataError("export e")
    assert our_error(raised(RuntimeError("while running a bundle"), ours)) is ours
    assert our_error(raised(ValueError("alone"))) is None


def test_our_error_is_found_in_a_traceback_that_an_engine_quotes() -> None:
    traced = "".join(traceback.format_exception(DataError("row 3", seen="no number")))
    error = raised(RuntimeError(f"Pipeline p failed in state FAILED: {traced}"))
    back = rebuilt_error(_failure("Transform", error))
    assert (type(back), str(back), code_of(back)) == (DataError, "row 3; seen: no number", 3)


def test_an_error_that_passed_own_code_in_any_node_is_a_fault_of_it(tmp_path: Path) -> None:
    file = tmp_path / "layers.py"
    file.write_text("def f():\n    return 1 / 0\n", encoding="utf-8")
    try:
        load_function(f"{file}:f")()
    except ZeroDivisionError as caught:
        error = raised(RuntimeError("while running a bundle"), caught)
    back = rebuilt_error(_failure("Evaluator", error, own_code_fault([f"{tmp_path}/model.py:build"], error)))
    assert (type(back), back.exit_code) == (UserCodeError, 4)
    assert f"{file}:2" in str(back)
    assert own_code_fault([f"{tmp_path}/model.py:build"], raised(ValueError("alone"))) is None


def test_an_exit_in_a_node_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves(request: object) -> None:
        raise SystemExit(3)

    work = _Work(tmp_path / "job.json")
    monkeypatch.setattr(work, "_warm", leaves, raising=False)
    assert "SystemExit" in str(rebuilt_error(work.serve({"warm": "x"})))


def test_values_that_a_graph_of_own_code_refuses_are_a_fault_of_it(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text("import x\n\ndef preprocess(inputs):\n    ...\n", encoding="utf-8")
    text = (
        'Graph execution error: assertion failed\n  File "apache_beam/runners/common.py", line 1709, in run'
    )
    error = raised(ValueError(text))
    back = rebuilt_error(_failure("Transform", error, own_code_fault([f"{file}:preprocess"], error)))
    assert back.exit_code == 4
    assert f"{file}:3, in preprocess; expected operations that run on every row" in str(back)
    assert own_code_fault([], error) is None


def test_what_was_made_after_another_process_has_taken_over_is_not_published(tmp_path: Path) -> None:
    successor = "runs/r/nodes/Trainer/0001/0002.claim"
    _refuse_if_taken_over("Trainer", str(tmp_path), successor)

    open_root(str(tmp_path)).create(successor, b"{}")

    with pytest.raises(LockedError, match="another one has taken over"):
        _refuse_if_taken_over("Trainer", str(tmp_path), successor)
