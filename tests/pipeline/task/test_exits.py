"""Exit codes: what may be tried again, and what may not, for every kind of error."""

from __future__ import annotations

import errno
import signal

import pytest

from foundation import errors
from foundation.errors import NodeError, PenstockError
from foundation.publish import storage_error
from pipeline.runners.process import rebuilt_error
from pipeline.runners.worker import _failure
from pipeline.task.exits import MAY_BE_RETRIED, code_of, death

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PenstockError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_of_the_tree_is_final_unless_it_passes_by_itself(kind: type[PenstockError]) -> None:
    expected = MAY_BE_RETRIED if kind is errors.LockedError else kind.exit_code

    assert code_of(kind("x")) == expected
    assert code_of(kind("x").passing()) == MAY_BE_RETRIED


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, 75),
        (errno.EIO, 75),
        (errno.ETIMEDOUT, 75),
        (errno.ESTALE, 75),
        (errno.EACCES, 7),
        (errno.ENOENT, 7),
        (errno.EROFS, 7),
    ],
    ids=["full", "no answer", "timed out", "stale", "forbidden", "absent", "read-only"],
)
def test_a_disk_may_be_tried_again_where_it_was_full_or_did_not_answer(number: int, code: int) -> None:
    assert code_of(storage_error("/x", OSError(number, "seen"))) == code


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (ValueError("odd"), 75),
        (MemoryError(), 75),
        (OSError("No space left on device"), 75),
        (NodeError("gate"), 5),
        (errors.DataError("export"), 3),
        (errors.UserCodeError("model.py"), 4),
        (errors.AnomalyError("drift"), 3),
    ],
    ids=["unknown", "memory", "full", "node", "data", "own code", "anomaly"],
)
def test_the_code_survives_the_way_from_the_process_that_works(raised: Exception, code: int) -> None:
    assert code_of(rebuilt_error(_failure("Trainer", raised))) == code


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [(-signal.SIGKILL, "memory runs out"), (-signal.SIGSEGV, "SIGSEGV"), (3, "exit code 3")],
    ids=["killed", "crashed", "gone"],
)
def test_a_process_that_is_gone_may_be_tried_again_and_says_how_it_ended(exit_code: int, said: str) -> None:
    error = death("Trainer", exit_code, kills_before=10**9)

    assert said in str(error) and code_of(error) == MAY_BE_RETRIED
