"""One loaded version of a model: a TensorFlow session and the requests it runs."""

from __future__ import annotations

import gc
import logging
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from serving.memory import return_freed_memory
from serving.server.engine import saved_model
from serving.server.engine.errors import as_serving_error, op_error
from serving.server.engine.stopping import Stop, Switches
from serving.server.engine.tensorflow_import import import_tensorflow
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from serving.server.config.batching_parameters import BatchingParameters
    from serving.server.config.session_settings import SessionSettings
    from serving.server.engine.signature import Signature
    from serving.server.engine.stopping import StopOps

log = logging.getLogger(__name__)
_MOST_PLANS: Final = 128
"""The most sets of outputs to cache per session; a client that tries all combinations must not fill memory."""
_PATIENCE_SECONDS: Final = 2.0
"""How long to wait for the runs of a version that is unloaded, once they were told to stop."""


class Plan(NamedTuple):
    """The session's feeds and fetches for one signature and set of outputs.

    Attributes:
        feeds: Alias and graph tensor of every input.
        fetches: The graph tensors of the outputs.
        targets: What makes the run stoppable; empty if it computes each of its ops once.
    """

    feeds: Sequence[tuple[str, Any]]
    fetches: Sequence[Any]
    targets: Sequence[Any]


class Servable:
    """A loaded version; thread-safe.

    Args:
        name: The model's name.
        version: The version's number.
        path: The version's directory.
        session: The TensorFlow session; the servable closes it.
        signatures: The signatures that requests can use.
        metadata: The serialized ``SignatureDefMap``.
        stop_ops: The ops that stop runs, if they may be long.
        in_caller_thread: Whether a run executes its ops one by one in the calling thread. One that may loop or wait
            always does.
    """

    def __init__(
        self,
        name: str,
        version: int,
        path: Path,
        session: Any,
        signatures: Mapping[str, Signature],
        metadata: bytes,
        stop_ops: StopOps | None = None,
        *,
        in_caller_thread: bool = True,
    ) -> None:
        self.name = name
        self.version = version
        self.path = path
        self.signatures = signatures
        self.metadata = metadata
        self.batching: BatchingParameters | None = None
        from tensorflow.python.client import pywrap_tf_session

        self._session = session
        self._handle = session._session
        self._call: Callable[..., Sequence[np.ndarray]] = pywrap_tf_session.TF_SessionRun_wrapper
        self._delete_options: Callable[[Any], None] = pywrap_tf_session.TF_DeleteBuffer
        self._here = _run_options(in_caller_thread=True)
        self._options = self._here if in_caller_thread else _run_options(in_caller_thread=False)
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self._switches = Switches(stop_ops, self._run_here) if stop_ops is not None else None
        self._lock = threading.Lock()
        self._running = 0
        self._given_up = 0
        self._closed = False
        self._idle = threading.Event()

    @classmethod
    def load(cls, name: str, version: int, path: Path, settings: SessionSettings) -> Servable:
        """Loads a version; blocks until it is loaded.

        Args:
            name: The model's name.
            version: The version's number.
            path: The version's directory.
            settings: The session's settings.

        Returns:
            The servable, ready to run.

        Raises:
            ServingError: It cannot be loaded; the code is the failing step's.
        """
        _prepare()
        from tensorflow.python.framework import errors

        try:
            meta_graph = saved_model.read_meta_graph(path, settings.tags)
            signatures = saved_model.signatures_of(meta_graph)
            outputs = {info.tensor for key in signatures.values() for info in key.outputs.values()}
            session, stop_ops = saved_model.open_session(path, meta_graph, settings, sorted(outputs))
        except errors.OpError as error:
            raise op_error(error) from error
        except (ValueError, KeyError, TypeError) as error:
            # Errors the importer finds in a graph: unknown ops, broken edges.
            raise ServingError(
                Code.INVALID_ARGUMENT, f"The graph of {path} cannot be loaded: {error}"
            ) from error
        metadata = saved_model.signature_def_map(meta_graph)
        # Setting the number of ops that run at once asks for TensorFlow's own threads.
        alone = not saved_model.config_of(settings).inter_op_parallelism_threads
        return cls(name, version, path, session, signatures, metadata, stop_ops, in_caller_thread=alone)

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        stop: Stop | None = None,
    ) -> Sequence[np.ndarray]:
        """Runs a signature; blocks until it has finished.

        Args:
            signature: The signature to run.
            feeds: A value for every input, by alias.
            outputs: The aliases to compute.
            stop: Stops the run; None if it is always waited for.

        Returns:
            The outputs' values, in the order requested.

        Raises:
            ServingError: An op failed; the error has its code and text.
        """
        plan = self._plans.get((signature.key, outputs))
        if plan is None:
            if len(self._plans) >= _MOST_PLANS and len(outputs) < len(signature.outputs):
                return self._run_all(signature, feeds, outputs, stop)
            plan = self._plan(signature, outputs)
        inputs = {tensor: feeds[alias] for alias, tensor in plan.feeds}
        self._begin()
        try:
            values = self._run_plan(plan, inputs, stop)
        except Exception as error:
            raise as_serving_error(error) from error
        finally:
            self._end()
        return [value if type(value) is np.ndarray else _scalar(value) for value in values]

    def _run_all(
        self,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        stop: Stop | None,
    ) -> Sequence[np.ndarray]:
        every = tuple(signature.outputs)
        values = dict(zip(every, self.run(signature, feeds, every, stop), strict=True))
        return [values[alias] for alias in outputs]

    def _run_plan(self, plan: Plan, inputs: dict[Any, Any], stop: Stop | None) -> Sequence[np.ndarray]:
        if not plan.targets:
            return self._call(self._handle, self._options, inputs, plan.fetches, [], None)
        assert self._switches is not None
        with self._switches.guarding(stop or Stop(), inputs):
            return self._run_here(inputs, plan.fetches, plan.targets)

    def _run_here(self, feeds: Any, fetches: Any, targets: Any) -> Sequence[np.ndarray]:
        return self._call(self._handle, self._here, feeds, fetches, targets, None)

    def _begin(self) -> None:
        with self._lock:
            if self._closed:
                raise self._unloaded()
            self._running += 1

    def _end(self) -> None:
        with self._lock:
            self._running -= 1
            last = self._closed and not self._running
            late = last and self._given_up
            if last:
                self._idle.set()
        if late:
            log.warning(
                "The last run of version %s of model %s has ended; its memory is freed",
                self.version,
                self.name,
            )
            self._free()

    def _unloaded(self) -> ServingError:
        return ServingError(Code.UNAVAILABLE, f"Version {self.version} of model {self.name} is unloaded")

    def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Stops active runs, then frees session and graph and returns their memory.

        Nobody waits for these runs any more. One that does not stop in time, because TensorFlow cannot interrupt the
        op that it computes, frees them when it ends.

        Args:
            patience: How many seconds to wait for the runs.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            session = self._session
            if not self._running:
                self._idle.set()
        if not self._idle.is_set():
            # In a thread of its own, since how long this takes is up to the ops.
            threading.Thread(target=session.close, name="close-session", daemon=True).start()
        self._idle.wait(patience)
        with self._lock:
            self._given_up = running = self._running
        if running:
            log.warning(
                "%d run(s) of version %s of model %s cannot be interrupted; its memory is freed when they end",
                running,
                self.version,
                self.name,
            )
        else:
            self._free()

    def _free(self) -> None:
        self._plans.clear()
        self._switches = self._handle = None
        for options in {id(buffer): buffer for buffer in (self._here, self._options)}.values():
            self._delete_options(options)
        session, self._session = self._session, None
        session.close()
        del session
        # Graph and operations form a reference cycle.
        gc.collect()
        return_freed_memory()

    def _plan(self, signature: Signature, outputs: tuple[str, ...]) -> Plan:
        session = self._session
        if session is None:
            raise self._unloaded()
        graph = session.graph
        try:
            feeds = [(info.alias, _tensor(graph, info.tensor)) for info in signature.inputs.values()]
            fetches = [_tensor(graph, signature.outputs[alias].tensor) for alias in outputs]
        except (KeyError, ValueError, TypeError) as error:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Signature {signature.key} names a tensor that cannot be run: {error}"
            ) from error
        targets: Sequence[Any] = ()
        if self._switches is not None:
            targets = self._switches.targets(signature.outputs[alias].tensor for alias in outputs)
        plan = self._plans[signature.key, outputs] = Plan(feeds, fetches, targets)
        return plan


def _run_options(*, in_caller_thread: bool) -> Any:
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.client import pywrap_tf_session

    options = config_pb2.RunOptions()
    if in_caller_thread:
        # Small models spend most of their time getting to TensorFlow's own threads and back.
        options.inter_op_thread_pool = -1
    return pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())


def _scalar(value: Any) -> np.ndarray:
    """Makes an array of a scalar, which the session returns as a NumPy scalar or, for a string, as bytes."""
    return np.array(value, object if isinstance(value, bytes) else None)


def _tensor(graph: Any, name: str) -> Any:
    return graph.as_graph_element(name, allow_tensor=True, allow_operation=False)._as_tf_output()


def _prepare() -> None:
    """Imports TensorFlow, and excludes what the import created from garbage collection: it lives forever."""
    import_tensorflow()
    import tensorflow.python.client.session  # noqa: F401

    global _frozen
    if not _frozen:
        # Without this, unloading a version would stall all requests for 0.3 s.
        gc.freeze()
        # A large JSON body becomes millions of lists. Scanning them for garbage while they are created,
        # as often as Python does by default, takes four times as long as parsing them, and stalls everybody.
        gc.set_threshold(50_000, 20, 50)
        _frozen = True


_frozen = False
