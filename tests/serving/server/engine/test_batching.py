"""Batching requests: what shares a run, what is padded, split or refused. The session is a function here."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from serving.server.config.batching_parameters import BatchingParameters
from serving.server.engine.execution import Execution
from serving.server.engine.signature import Signature, TensorInfo
from serving.server.engine.stopping import Stop
from serving.server.status import Code, ServingError

FLOAT, STRING = 1, 7
DOUBLE = Signature(
    "double", "", {"x": TensorInfo("x", "x:0", FLOAT, None)}, {"y": TensorInfo("y", "y:0", FLOAT, None)}
)
PAIR = Signature(
    "pair",
    "",
    {name: TensorInfo(name, f"{name}:0", FLOAT, None) for name in ("a", "b")},
    {name: TensorInfo(name, f"{name}:0", FLOAT, None) for name in ("difference", "total")},
)
TEXT = Signature("text", "", {"x": TensorInfo("x", "x:0", STRING, None)}, {"y": DOUBLE.outputs["y"]})


class Doubling:
    """Answers ``2 x`` and notes what it was fed; holds every run while ``gate`` is closed."""

    def __init__(self, parameters: BatchingParameters) -> None:
        self.batching = parameters
        self.signatures = {signature.key: signature for signature in (DOUBLE, PAIR, TEXT)}
        self.runs: list[Mapping[str, np.ndarray]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.stops: list[Stop] = []
        self.answer: Callable[[Mapping[str, np.ndarray]], list[np.ndarray]] = lambda feeds: [feeds["x"] * 2]

    def run(self, signature: Signature, feeds: Any, outputs: Any, stop: Stop) -> Any:
        self.stops.append(stop)
        while not self.gate.wait(0.001) and not stop.requested:
            pass
        self.runs.append(feeds)
        return self.answer(feeds)

    @property
    def sizes(self) -> list[int]:
        return [len(next(iter(run.values()))) for run in self.runs]


@pytest.fixture
def execution() -> Iterator[Execution]:
    execution = Execution(4)
    yield execution
    execution.close()


def column(*values: float) -> dict[str, np.ndarray]:
    return {"x": np.array(values, np.float32)}


async def ask(execution: Execution, servable: Doubling, *requests: dict[str, np.ndarray]) -> list[Any]:
    runs = [execution.run(servable, DOUBLE, request, ("y",), None) for request in requests]  # type: ignore[arg-type]
    return await asyncio.gather(*runs, return_exceptions=True)


def test_requests_that_wait_together_share_one_run(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(batch_timeout_micros=20_000))
    answers = asyncio.run(ask(execution, servable, column(1), column(2, 3), column(4)))
    assert [answer[0].tolist() for answer in answers] == [[2], [4, 6], [8]]
    assert servable.sizes == [4]


def test_without_a_timeout_arrived_requests_are_batched(execution: Execution) -> None:
    servable = Doubling(BatchingParameters())
    answers = asyncio.run(ask(execution, servable, *(column(n) for n in range(10))))
    assert [answer[0].tolist() for answer in answers] == [[2 * n] for n in range(10)]
    assert servable.sizes == [10]


def test_a_full_batch_runs_before_its_timeout(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=4, batch_timeout_micros=3_600_000_000))
    answers = asyncio.run(ask(execution, servable, column(1, 2), column(3, 4)))
    assert [answer[0].tolist() for answer in answers] == [[2, 4], [6, 8]]


def test_a_request_that_does_not_fit_closes_the_batch(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=4, batch_timeout_micros=5000))
    asyncio.run(ask(execution, servable, column(1, 2, 3), column(4, 5)))
    assert sorted(servable.sizes) == [2, 3]


def test_padding_copies_a_real_row_and_is_cut_off(execution: Execution) -> None:
    sizes = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(4, 8), batch_timeout_micros=5000)
    servable = Doubling(sizes)
    answers = asyncio.run(ask(execution, servable, column(1), column(7)))
    assert [answer[0].tolist() for answer in answers] == [[2], [14]]
    assert servable.runs[0]["x"].tolist() == [1, 7, 7, 7]


def test_a_single_request_is_padded_too(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=8, allowed_batch_sizes=(4, 8)))
    [answer] = asyncio.run(ask(execution, servable, column(1, 2, 3, 4, 5)))
    assert answer[0].tolist() == [2, 4, 6, 8, 10]
    assert servable.sizes == [8]


def test_a_request_larger_than_a_batch_is_refused(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=2))
    [error] = asyncio.run(ask(execution, servable, column(1, 2, 3)))
    assert (error.code, error.message) == (
        Code.INVALID_ARGUMENT,
        "Task size 3 is larger than maximum input batch size 2",
    )
    assert not servable.runs


def test_a_large_request_is_split_and_reassembled(execution: Execution) -> None:
    servable = Doubling(
        BatchingParameters(
            max_batch_size=100,
            max_execution_batch_size=4,
            enable_large_batch_splitting=True,
            batch_timeout_micros=5000,
        )
    )
    answers = asyncio.run(ask(execution, servable, column(0), column(*range(1, 10))))
    assert answers[0][0].tolist() == [0]
    assert answers[1][0].tolist() == [2 * n for n in range(1, 10)]
    assert sorted(servable.sizes) == [2, 4, 4]


def test_a_full_queue_refuses(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=1, max_enqueued_batches=2, num_batch_threads=1))
    servable.gate.clear()

    async def fill() -> list[Any]:
        first = asyncio.ensure_future(ask(execution, servable, column(1)))
        await asyncio.sleep(0.05)
        others = asyncio.ensure_future(ask(execution, servable, *(column(n) for n in (2, 3, 4))))
        await asyncio.sleep(0.05)
        servable.gate.set()
        return [*await first, *await others]

    answers = asyncio.run(fill())
    assert [answer[0].tolist() for answer in answers[:3]] == [[2], [4], [6]]
    assert answers[3].code is Code.UNAVAILABLE
    assert "The batch scheduling queue to which this task was submitted is full" in answers[3].message


def test_a_batch_keeps_filling_while_the_threads_are_busy(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(num_batch_threads=1))
    servable.gate.clear()

    async def wait_and_fill() -> None:
        waiting = []
        for number in range(4):
            waiting.append(asyncio.ensure_future(ask(execution, servable, column(number))))
            await asyncio.sleep(0.02)
        servable.gate.set()
        await asyncio.gather(*waiting)

    asyncio.run(wait_and_fill())
    assert servable.sizes == [1, 3]


def test_no_more_batches_run_than_there_are_threads(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=1, num_batch_threads=2))
    at_once, most = 0, 0
    lock = threading.Lock()

    def answer(feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once -= 1
        return [feeds["x"] * 2]

    servable.answer = answer
    answers = asyncio.run(ask(execution, servable, *(column(n) for n in range(8))))
    assert [answer[0].tolist() for answer in answers] == [[2 * n] for n in range(8)]
    assert most == 2


@pytest.mark.parametrize(
    ("feeds", "text"),
    [
        ({"a": np.float32(1), "b": np.float32([1])}, "must have at least one dimension"),
        ({"a": np.float32([1, 2]), "b": np.float32([1])}, "must have equal 0th-dimension size"),
    ],
    ids=["scalar", "uneven"],
)
def test_inputs_need_one_batch_axis(execution: Execution, feeds: dict[str, Any], text: str) -> None:
    servable: Any = Doubling(BatchingParameters())
    arrays = {name: np.asarray(value) for name, value in feeds.items()}
    with pytest.raises(ServingError, match=text) as caught:
        asyncio.run(execution.run(servable, PAIR, arrays, ("difference", "total")))
    assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("output", [np.float32(1), np.zeros(3, np.float32)], ids=["scalar", "another length"])
def test_outputs_must_keep_the_batch_axis(execution: Execution, output: Any) -> None:
    servable = Doubling(BatchingParameters())
    servable.answer = lambda feeds: [np.asarray(output)]
    [error] = asyncio.run(ask(execution, servable, column(1, 2)))
    assert error.code is Code.FAILED_PRECONDITION
    assert "0" in error.message


def test_different_inner_shapes_fail_their_batch(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(batch_timeout_micros=5000))
    wide = {"x": np.ones((1, 3), np.float32)}
    narrow = {"x": np.ones((1, 2), np.float32)}
    errors = asyncio.run(ask(execution, servable, wide, narrow))
    assert [error.code for error in errors] == [Code.FAILED_PRECONDITION] * 2
    assert "padding is turned off" in errors[0].message


def test_inner_shapes_are_padded_with_the_first_element(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(batch_timeout_micros=5000, pad_variable_length_inputs=True))
    asyncio.run(ask(execution, servable, {"x": np.float32([[1, 2, 3]])}, {"x": np.float32([[5, 6], [7, 8]])}))
    assert servable.runs[0]["x"].tolist() == [[1, 2, 3], [5, 6, 5], [7, 8, 5]]


def test_strings_are_padded_too(execution: Execution) -> None:
    servable: Any = Doubling(BatchingParameters(batch_timeout_micros=5000, pad_variable_length_inputs=True))
    servable.answer = lambda feeds: [np.zeros(len(feeds["x"]), np.float32)]

    async def both() -> None:
        rows = [np.array([[b"a", b"b"]], object), np.array([[b"c"]], object)]
        await asyncio.gather(*(execution.run(servable, TEXT, {"x": row}, ("y",)) for row in rows))

    asyncio.run(both())
    assert servable.runs[0]["x"].tolist() == [[b"a", b"b"], [b"c", b"c"]]


def test_a_wrong_type_runs_by_itself(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(batch_timeout_micros=5000))
    asyncio.run(ask(execution, servable, column(1), {"x": np.array([1], np.int32)}, column(2)))
    assert sorted(servable.sizes) == [1, 2]


def test_a_part_of_the_outputs_runs_by_itself(execution: Execution) -> None:
    servable: Any = Doubling(BatchingParameters(batch_timeout_micros=3_600_000_000))
    servable.answer = lambda feeds: [feeds["a"] + feeds["b"]]
    feeds = {"a": np.float32([1]), "b": np.float32([2])}
    [total] = asyncio.run(execution.run(servable, PAIR, feeds, ("total",)))
    assert total.tolist() == [3]


def test_an_empty_request_is_not_padded(execution: Execution) -> None:
    servable = Doubling(BatchingParameters(max_batch_size=4, allowed_batch_sizes=(4,)))
    [answer] = asyncio.run(ask(execution, servable, column()))
    assert answer[0].tolist() == []
    assert servable.sizes == [0]


def test_a_request_whose_time_is_up_leaves_its_batch(execution: Execution) -> None:
    servable: Any = Doubling(BatchingParameters(batch_timeout_micros=100_000))

    async def late_and_patient() -> list[Any]:
        late = execution.run(servable, DOUBLE, column(1), ("y",), 20)
        patient = execution.run(servable, DOUBLE, column(2), ("y",), None)
        return await asyncio.gather(late, patient, return_exceptions=True)

    late, patient = asyncio.run(late_and_patient())
    assert late.code is Code.DEADLINE_EXCEEDED
    assert patient[0].tolist() == [4]
    assert servable.sizes == [1]


@pytest.mark.parametrize("leave", ["time is up", "cancelled"])
def test_a_batch_is_stopped_once_its_last_request_is_gone(execution: Execution, leave: str) -> None:
    servable: Any = Doubling(BatchingParameters(batch_timeout_micros=5000, num_batch_threads=1))
    servable.gate.clear()

    async def both() -> list[Any]:
        limit = 300 if leave == "time is up" else None
        late = execution.run(servable, DOUBLE, column(1), ("y",), 100)
        last = asyncio.ensure_future(execution.run(servable, DOUBLE, column(2), ("y",), limit))
        first = await asyncio.gather(late, return_exceptions=True)
        assert [stop.requested for stop in servable.stops] == [False]
        if leave == "cancelled":
            last.cancel()
        second = await asyncio.gather(last, return_exceptions=True)
        while not servable.stops[0].requested:
            await asyncio.sleep(0.001)
        servable.gate.set()
        assert (await execution.run(servable, DOUBLE, column(3), ("y",)))[0].tolist() == [6]
        return [*first, *second]

    first, second = asyncio.run(both())
    assert first.code is Code.DEADLINE_EXCEEDED
    assert isinstance(second, (ServingError, asyncio.CancelledError))
    assert servable.sizes[0] == 2


def test_a_part_that_is_gone_takes_its_siblings_along(execution: Execution) -> None:
    parameters = BatchingParameters(
        max_batch_size=100, max_execution_batch_size=2, enable_large_batch_splitting=True
    )
    servable: Any = Doubling(parameters)
    servable.gate.clear()
    with pytest.raises(ServingError) as caught:
        asyncio.run(execution.run(servable, DOUBLE, column(1, 2, 3, 4), ("y",), 100))
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    servable.gate.set()


class Marked(np.ndarray):
    """An array that can be watched."""


@pytest.mark.parametrize("rows", [1, 5], ids=["whole", "split"])
@pytest.mark.parametrize("batched", [True, False], ids=["batched", "alone"])
def test_a_failed_run_keeps_nothing_of_its_request(execution: Execution, rows: int, batched: bool) -> None:
    """No cycle of error, frame and future keeps the inputs until the garbage collector comes by."""
    parameters = BatchingParameters(
        max_batch_size=100, max_execution_batch_size=2, enable_large_batch_splitting=True
    )
    servable: Any = Doubling(parameters)
    if not batched:
        servable.batching = None

    def fail(feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        raise ServingError(Code.ABORTED, "no")

    servable.answer = fail

    async def ask_once() -> weakref.ref[Marked]:
        array = np.zeros(rows, np.float32).view(Marked)
        (error,) = await ask(execution, servable, {"x": array})
        assert error.code is Code.ABORTED
        servable.runs.clear()
        return weakref.ref(array)

    async def watch() -> None:
        await ask_once()
        gc.collect()
        gc.disable()
        try:
            kept = await ask_once()
            for _ in range(500):
                if kept() is None:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(gc.get_referrers(kept()))
        finally:
            gc.enable()

    asyncio.run(watch())
