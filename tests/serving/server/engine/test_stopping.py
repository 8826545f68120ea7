"""Runs that are stopped: every kind of graph that would not end by itself, and what the next run then finds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.server.config.session_settings import SessionSettings
from serving.server.engine.servable import Servable
from serving.server.engine.stopping import Stop
from serving.server.status import Code, ServingError
from tests.serving import graphs

pytestmark = pytest.mark.component
PATIENCE = 60.0
"""The runs that are stopped here would never end, so no bound in time decides a test."""
END, FOREVER = np.float32([0]), np.float32([1])


def a_loop_of_the_first_kind(x: Any) -> Any:
    import tensorflow as tf

    return tf.compat.v1.while_loop(lambda y: y[0] > 0, lambda y: tf.sqrt(y), [x])


def a_loop_in_a_function(x: Any) -> Any:
    import tensorflow as tf

    tf.compat.v1.enable_control_flow_v2()
    try:
        return tf.function(lambda x: tf.while_loop(lambda y: y[0] > 0, lambda y: [tf.sqrt(y)], [x])[0])(x)
    finally:
        tf.compat.v1.disable_control_flow_v2()


def a_loop_in_a_loop(x: Any) -> Any:
    import tensorflow as tf

    return tf.function(
        lambda x: tf.while_loop(lambda y: y[0] > 0, lambda y: [a_loop_in_a_function(y)], [x])[0]
    )(x)


def a_loop_that_is_not_lowered(x: Any) -> Any:
    import tensorflow as tf

    signature = [tf.TensorSpec(None, tf.float32)]
    condition = tf.function(lambda y: y[0] > 0, input_signature=signature).get_concrete_function()
    body = tf.function(tf.sqrt, input_signature=signature).get_concrete_function()
    for function in (condition, body):
        function.add_to_graph()
    return tf.raw_ops.While(input=[x], cond=condition, body=body, parallel_iterations=1)[0]


def a_condition(x: Any) -> Any:
    import tensorflow as tf

    return tf.function(lambda x: tf.cond(x[0] > 0, lambda: a_loop_in_a_function(x), lambda: x))(x)


def a_map(x: Any) -> Any:
    import tensorflow as tf

    return tf.function(lambda x: tf.map_fn(lambda _: a_loop_in_a_function(x)[0], x))(x)


def a_data_set(x: Any) -> Any:
    import tensorflow as tf

    def endless(x: Any) -> Any:
        numbers = tf.data.Dataset.range(tf.cast(x[0], tf.int64) * 2**60)
        return numbers.reduce(x, lambda y, _: tf.sqrt(y))

    return tf.function(endless)(x)


def a_queue(x: Any) -> Any:
    import tensorflow as tf

    queue = tf.queue.FIFOQueue(1, [tf.float32])
    wait = lambda: queue.dequeue()  # noqa: E731
    return x + tf.cond(x[0] > 0, wait, lambda: tf.constant(0.0))


KINDS: tuple[Callable[[Any], Any], ...] = (
    a_loop_of_the_first_kind,
    a_loop_in_a_function,
    a_loop_in_a_loop,
    a_loop_that_is_not_lowered,
    a_condition,
    a_map,
    a_data_set,
    a_queue,
)


def build(path: Path, compute: Callable[[Any], Any]) -> Path:
    """A model whose ``y`` never comes for a positive ``x``; ``echo`` and ``plain`` come at once."""
    import tensorflow as tf

    def signatures() -> Mapping[str, Any]:
        x = graphs.placeholder("float32")
        outputs = {"y": compute(x), "echo": tf.identity(x), "plain": x + 1}
        return {"serving_default": graphs.signature({"x": x}, outputs)}

    return graphs.write(path, signatures)


@pytest.fixture(params=[0, 2], ids=["caller's thread", "TensorFlow's threads"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Servable]]:
    loaded: list[Servable] = []

    def load(compute: Callable[[Any], Any], runs: int = 4) -> Servable:
        path = build(tmp_path / compute.__name__, compute)
        settings = SessionSettings(inter_op_threads=request.param, runs=runs)
        loaded.append(Servable.load("m", 1, path, settings))
        return loaded[-1]

    yield load
    for servable in loaded:
        servable.close()


class Run(threading.Thread):
    """A run in a thread."""

    def __init__(self, servable: Servable, x: np.ndarray, outputs: tuple[str, ...] = ("y",)) -> None:
        super().__init__(daemon=True)
        self.stop = Stop()
        self._work = lambda: servable.run(
            servable.signatures["serving_default"], {"x": x}, outputs, self.stop
        )
        self.values: Any = None
        self.error: ServingError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.values = self._work()
        except ServingError as error:
            self.error = error

    def ends(self) -> bool:
        self.join(PATIENCE)
        return not self.is_alive()


def first_to_end(runs: list[Run]) -> Run:
    """Returns the run that ends first: to wait for them in turn would wait for one that never ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for run in runs:
            if not run.is_alive():
                return run
        time.sleep(0.01)
    raise AssertionError(f"no run ended within {PATIENCE} s")


@pytest.mark.parametrize("compute", KINDS, ids=lambda compute: compute.__name__)
def test_a_run_that_never_ends_is_stopped(
    load: Callable[..., Servable], compute: Callable[[Any], Any]
) -> None:
    servable = load(compute)
    for _ in range(3):  # More than there are queues, with both of them.
        runs = [Run(servable, FOREVER), Run(servable, FOREVER, ("echo", "y", "plain"))]
        runs[0].join(0.1)
        assert all(run.is_alive() for run in runs)
        for run in runs:
            run.stop.request()
        assert all(run.ends() for run in runs)
        assert all(run.error for run in runs)
    for outputs in (("y",), ("echo", "y", "plain"), ("plain", "echo")):
        after = Run(servable, END, outputs)
        assert after.ends()
        assert [value.tolist() for value in after.values] == [
            [1.0] if name == "plain" else [0.0] for name in outputs
        ]


def test_one_is_stopped_and_the_other_is_not(load: Callable[..., Servable]) -> None:
    servable = load(a_loop_in_a_function)
    runs = [Run(servable, FOREVER) for _ in range(4)]
    runs[2].stop.request()
    assert runs[2].ends()
    runs[0].join(0.1)
    assert [run.is_alive() for run in runs] == [True, True, False, True]
    too_many = [Run(servable, FOREVER) for _ in range(2)]
    assert first_to_end(too_many).error.code is Code.UNAVAILABLE  # The other one has the free queue.
    servable.close()
    assert all(run.ends() for run in (*runs, *too_many))


def test_stopping_before_the_start_and_after_the_end(load: Callable[..., Servable]) -> None:
    servable = load(a_loop_in_a_function, runs=1)
    early = Stop()
    early.request()
    with pytest.raises(ServingError) as caught:
        servable.run(servable.signatures["serving_default"], {"x": FOREVER}, ("y",), early)
    assert caught.value.code is Code.CANCELLED
    first = Run(servable, END)
    assert first.ends()
    assert first.error is None
    second = Run(servable, FOREVER)
    second.join(0.1)
    first.stop.request()  # It had the queue before.
    second.join(0.1)
    assert second.is_alive()
    second.stop.request()
    assert second.ends()


def test_a_run_that_fails_leaves_its_queue_clean(load: Callable[..., Servable]) -> None:
    servable = load(a_loop_in_a_function, runs=1)
    for _ in range(3):
        failed = Run(servable, np.float32(0), ("echo", "y"))
        assert failed.ends()
        assert failed.error.code is Code.INVALID_ARGUMENT
        assert "slice" in failed.error.message
        good = Run(servable, END, ("echo", "y"))
        assert good.ends()
        assert good.error is None


def test_a_model_that_cannot_loop_keeps_its_graph(load: Callable[..., Servable]) -> None:
    import tensorflow as tf

    def plain(x: Any) -> Any:
        return tf.function(lambda x: tf.cond(x[0] > 0, lambda: x * 2, lambda: tf.random.uniform([1])))(x)

    servable = load(plain)
    assert servable._switches is None
    assert Run(servable, FOREVER).ends()


def test_an_output_that_may_be_dead_fails_as_it_would(load: Callable[..., Servable]) -> None:
    import tensorflow as tf

    def dead(x: Any) -> Any:
        return tf.raw_ops.Switch(data=a_loop_of_the_first_kind(x), pred=x[0] > -1)[0]

    run = Run(load(dead), END, ("y", "plain"))
    assert run.ends()
    assert "does not have value" in run.error.message
