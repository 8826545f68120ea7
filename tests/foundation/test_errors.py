"""The error tree: messages, exit codes, pickling, near misses."""

from __future__ import annotations

import pickle
import traceback

import pytest

from foundation import errors
from foundation.errors import (
    DataError,
    LockedError,
    NodeError,
    PenstockError,
    StorageError,
    near_miss,
    told_in,
)

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PenstockError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: type[PenstockError]) -> None:
    error = kind("export a.jsonl", expected="documents", seen="none", remedy="check the path")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (
        str(again) == str(error) == "export a.jsonl; expected documents; seen: none; remedy: check the path"
    )
    assert again.remedy == "check the path"


def test_a_message_leaves_out_what_is_not_known() -> None:
    assert str(PenstockError("a")) == "a"
    assert str(PenstockError("a", remedy="b")) == "a; remedy: b"


def test_exit_codes_tell_errors_apart() -> None:
    codes = {kind.__name__: kind.exit_code for kind in KINDS}
    assert codes == {
        "PenstockError": 1,
        "SpecError": 2,
        "DataError": 3,
        "AnomalyError": 3,
        "UserCodeError": 4,
        "NodeError": 5,
        "LockedError": 6,
        "StorageError": 7,
        "MetadataError": 8,
    }


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [("aux", ["auc", "recall"], "did you mean 'auc'?"), ("zzz", ["auc"], ""), ("auc", [], "")],
)
def test_near_miss(word: str, known: list[str], expected: str) -> None:
    assert near_miss(word, known) == expected


def test_whether_it_may_pass_survives_pickling_and_belongs_to_some_kinds() -> None:
    passed = pickle.loads(pickle.dumps(StorageError("s3://b/x", seen="HTTP status 503").passing()))

    assert passed.may_pass and str(passed) == "s3://b/x; seen: HTTP status 503"
    assert LockedError("root").may_pass
    assert not StorageError("s3://b/x").may_pass


def text_of(error: BaseException) -> str:
    return "Error received from SDK harness: " + "".join(traceback.format_exception(error)) + "\n\tat java\n"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_is_read_back_from_the_traceback_of_a_worker(kind: type[PenstockError]) -> None:
    error = kind("row 3", expected="a\nnumber", seen='"é"', remedy="mend it").passing()

    back = told_in(text_of(error))

    assert type(back) is kind
    assert (str(back), back.may_pass) == (str(error), True)


def test_of_several_errors_the_last_counts_as_python_raised_it() -> None:
    outer = DataError("outer")
    outer.__cause__ = StorageError("inner")
    assert str(told_in(text_of(outer))) == "outer"


def test_a_kind_of_another_module_is_told_as_the_nearest_of_the_tree() -> None:
    class JobError(NodeError):
        """Of an engine."""

    back = told_in(text_of(JobError("job 1")))
    assert (type(back), str(back)) == (NodeError, "job 1")


@pytest.mark.parametrize(
    "text", ["", "ValueError: x", 'Penstock\'s error: {"kind": "Da', "Penstock's error: {}"]
)
def test_where_a_text_tells_of_none_there_is_none(text: str) -> None:
    assert told_in(text) is None
