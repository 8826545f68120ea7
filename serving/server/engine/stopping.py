"""Stops session runs before their end, from any thread and at any time.

A session has no call for that. ``RunOptions.timeout_in_ms`` takes effect only in TensorFlow's thread pool, which costs
a small model more than its computation, and cannot be brought forward when a client leaves. So each run waits for a
queue of its own, into which its outputs put an element each. Closing the queue fails the run, and TensorFlow then stops
its loops and everything in it that waits.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from serving.server.engine.loops import Loops
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

log = logging.getLogger(__name__)
_SCOPE: Final = "penstock_stopping"
_CPU: Final = "/device:CPU:0"


class Stop:
    """Asks a run to stop, before or while it runs."""

    __slots__ = ("_run", "_switch", "requested")

    def __init__(self) -> None:
        self.requested = False
        self._switch: Switch | None = None
        self._run = 0

    def request(self) -> None:
        """Stops the run; it still takes as long as the op that is computed now, if that cannot be interrupted."""
        self.requested = True
        if self._switch is not None:
            self._switch.close(self._run)

    def covers(self, switch: Switch) -> None:
        """Notes the switch of the run that is about to start.

        Raises:
            ServingError: CANCELLED if the run is not wanted any more.
        """
        self._run, self._switch = switch.run, switch
        self.check()

    def check(self) -> None:
        """Raises CANCELLED if the run is not wanted any more."""
        if self.requested:
            raise ServingError(Code.CANCELLED, "The run was stopped: nobody waits for its result")


class Switch:
    """The queue of one run at a time.

    Args:
        handle: The queue's handle, to feed.
        queue: The tensor that creates the queue.
        close: Closes the queue.
    """

    __slots__ = ("_close", "_lock", "broken", "handle", "queue", "run")

    def __init__(self, handle: np.ndarray, queue: Any, close: Callable[[np.ndarray], None]) -> None:
        self.handle = handle
        self.queue = queue
        self._close = close
        self._lock = threading.Lock()
        self.run = 0
        self.broken = False

    def close(self, run: int) -> None:
        """Stops a run, unless it is over."""
        with self._lock:
            if run == self.run:
                self.broken = True
                self._close(self.handle)

    def end(self) -> None:
        """Notes that the run is over."""
        with self._lock:
            self.run += 1


class StopOps:
    """The ops that stop runs, added to a graph while it is imported.

    Runs that may loop or wait stay in the caller's thread, as TensorFlow's own are few and shared by all models: where
    each of them is in a loop, nothing is left to stop one. There an op is run to its end before the next one, so a run
    must wait for its queue before it loops. The ops that may loop or wait therefore follow the op that gives the queue,
    which is all that the wait needs. Of the ops that follow another, TensorFlow starts those that read its value first.

    Args:
        graph: The graph, still empty.
        reached: The outputs whose runs may loop or wait.
        runs: How many runs may be active at once.
    """

    def __init__(self, graph: Any, reached: AbstractSet[str], runs: int) -> None:
        from tensorflow.python.framework import constant_op, dtypes, ops
        from tensorflow.python.ops import array_ops, gen_data_flow_ops, gen_parsing_ops
        from tensorflow.python.ops.gen_resource_variable_ops import destroy_resource_op

        self.reached = reached
        self.done: dict[str, tuple[Any, Any]] = {}
        self.waits: list[Any] = []
        with graph.as_default(), ops.name_scope(_SCOPE), ops.device(_CPU):
            self.queues = [
                gen_parsing_ops.serialize_tensor(
                    gen_data_flow_ops.fifo_queue_v2([dtypes.bool], [[]], shared_name=f"{_SCOPE}/{number}")
                )
                for number in range(runs)
            ]
            self.handle = array_ops.placeholder(dtypes.string, [])
            self.queue = gen_parsing_ops.parse_tensor(self.handle, dtypes.resource)
            self._element = constant_op.constant(value=True)
            self.close = gen_data_flow_ops.queue_close_v2(self.queue)
            self.destroy = destroy_resource_op(self.queue)

    def feeds(self, session: Any) -> dict[str, Any]:
        """Returns the feed of a run that is not to be stopped."""
        return {self.handle.name: session.run(self.queues[0])}

    def count(self, graph: Any, tensors: Iterable[str]) -> None:
        """Makes outputs put an element into the queue of their run, from which others take them out one by one.

        What follows a function's call, other than by its value, does not wait for its loops once it is inlined. So
        each output is copied to an op that a run names as a target, which TensorFlow then keeps as it is.
        """
        from tensorflow.python.framework import dtypes, ops
        from tensorflow.python.ops.array_ops import identity
        from tensorflow.python.ops.gen_data_flow_ops import queue_dequeue_v2, queue_enqueue_v2

        with graph.as_default(), ops.name_scope(f"{_SCOPE}/"), ops.device(_CPU):
            for tensor in tensors:
                copy = identity(graph.get_tensor_by_name(tensor)).op
                with ops.control_dependencies([copy]):
                    self.done[tensor] = (copy, queue_enqueue_v2(self.queue, [self._element]))
                with ops.control_dependencies(self.waits[-1:]):
                    self.waits.append(queue_dequeue_v2(self.queue, [dtypes.bool])[0].op)


def import_graph(graph: Any, meta_graph: Any, outputs: Iterable[str], runs: int) -> StopOps | None:
    """Imports a MetaGraph's graph, with what stops runs if any of its outputs may loop or wait.

    Args:
        graph: The graph to import into.
        meta_graph: The ``MetaGraphDef``; its graph may be changed.
        outputs: The outputs of all signatures; those that the graph does not have are left out.
        runs: How many runs may be active at once.

    Returns:
        The ops; None if every run computes each of its ops once.
    """
    from tensorflow.python.framework import importer

    graph_def = meta_graph.graph_def
    loops = Loops(graph_def)
    waiting = {tensor: found for tensor in outputs if (found := loops.behind(tensor))}
    stop_ops = StopOps(graph, waiting.keys(), runs) if waiting else None
    inputs = {}
    if stop_ops is not None:
        first = f"^{_SCOPE}_queue"
        inputs[first] = stop_ops.queue
        late = set(loops.outside(set().union(*waiting.values())))
        for node in graph_def.node:
            if node.name in late:
                node.input.append(first)
    with graph.as_default():
        importer.import_graph_def(
            graph_def,
            name="",
            input_map=inputs,
            producer_op_list=meta_graph.meta_info_def.stripped_op_list,
        )
    if stop_ops is not None:
        stop_ops.count(graph, [name for name in outputs if _has(graph, name) and not loops.may_be_dead(name)])
    return stop_ops


def _has(graph: Any, tensor: str) -> bool:
    """Returns whether a signature names a tensor that exists; if it does not, its runs fail and say so."""
    try:
        graph.get_tensor_by_name(tensor)
    except (KeyError, ValueError, TypeError):
        return False
    return True


class Switches:
    """The switches of an open session; thread-safe.

    Args:
        stop_ops: The ops in its graph.
        run: Runs the session: feeds, fetches, targets.
    """

    def __init__(self, stop_ops: StopOps, run: Callable[[Any, Any, Any], Sequence[Any]]) -> None:
        self._ops = stop_ops
        self._run = run
        self._handle = stop_ops.handle._as_tf_output()
        self._lock = threading.Lock()
        self._idle: list[Switch] = []
        self._unused = stop_ops.queues[::-1]

    def targets(self, tensors: Iterable[str]) -> list[Any]:
        """Returns the ops that a stoppable run of these outputs needs as well; none if it cannot loop or wait."""
        wanted = set(tensors)
        done = [pair for tensor, pair in self._ops.done.items() if tensor in wanted]
        if not done or not wanted & self._ops.reached:
            return []
        return [op._c_op for op in (self._ops.waits[len(done) - 1], *chain.from_iterable(done))]

    @contextmanager
    def guarding(self, stop: Stop, feeds: dict[Any, Any]) -> Iterator[None]:
        """Makes the run in its block stoppable.

        Args:
            stop: Stops it.
            feeds: The run's feeds, to which this adds its own.

        Raises:
            ServingError: CANCELLED if the run is not wanted any more; UNAVAILABLE if too many are active.
        """
        switch = self._take()
        try:
            feeds[self._handle] = switch.handle
            stop.covers(switch)
            yield
        except BaseException:
            switch.broken = True  # Some elements may be in its queue.
            raise
        finally:
            self._give_back(switch)

    def _take(self) -> Switch:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if not self._unused:
                raise ServingError(Code.UNAVAILABLE, "Too many runs of this version are active")
            queue = self._unused.pop()
        return Switch(self._open(queue), queue, self._close)

    def _give_back(self, switch: Switch) -> None:
        switch.end()
        if switch.broken:
            try:
                self._run({self._handle: switch.handle}, [], [self._ops.destroy._c_op])
                switch.handle, switch.broken = self._open(switch.queue), False
            except Exception as error:  # noqa: BLE001 - of any of TensorFlow's kinds: the session is closed
                log.debug("a queue that stops runs is not opened again: %s", error)
                return
        with self._lock:
            self._idle.append(switch)

    def _open(self, queue: Any) -> np.ndarray:
        """Creates a queue and returns its handle."""
        [handle] = self._run({}, [queue._as_tf_output()], [])
        return np.array(handle, object)

    def _close(self, handle: np.ndarray) -> None:
        try:
            self._run({self._handle: handle}, [], [self._ops.close._c_op])
        except Exception as error:  # noqa: BLE001 - of any of TensorFlow's kinds: closing a session stops its runs
            log.debug("the session was closed before a run was stopped: %s", error)
