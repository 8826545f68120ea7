"""How a worker's failure reaches the user."""

from __future__ import annotations

import pytest

from foundation.errors import DataError, NodeError, PenstockError, StorageError
from pipeline.runners.process import rebuilt_error
from pipeline.runners.worker import _failure, our_error


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
