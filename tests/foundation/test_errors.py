"""The error tree: messages, exit codes, pickling, near misses."""

from __future__ import annotations

import pickle

import pytest

from foundation import errors
from foundation.errors import LockedError, PenstockError, StorageError, near_miss

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
