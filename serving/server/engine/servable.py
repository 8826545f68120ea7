"""One loaded version of a model: a TensorFlow session and the requests it runs."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from serving.server.engine import saved_model
from serving.server.engine.tensorflow_import import import_tensorflow
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from serving.server.config.batching_parameters import BatchingParameters
    from serving.server.config.session_settings import SessionSettings
    from serving.server.engine.signature import Signature

log = logging.getLogger(__name__)
_MOST_PLANS: Final = 128
"""The most sets of outputs to cache per session; a client that tries all combinations must not fill memory."""
_TIMEOUTS_MS: Final = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000),
    *(10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 120_000, 300_000, 600_000),
)
"""Time limits are rounded up to these values, each with its own run options; above the last there is no limit."""


class Plan(NamedTuple):
    """The session's feeds and fetches for one signature and set of outputs.

    Attributes:
        feeds: Alias and graph tensor of every input.
        fetches: The graph tensors of the outputs.
    """

    feeds: Sequence[tuple[str, Any]]
    fetches: Sequence[Any]


class Servable:
    """A loaded version; thread-safe.

    Args:
        name: The model's name.
        version: The version's number.
        path: The version's directory.
        session: The TensorFlow session; the servable closes it.
        signatures: The signatures that requests can use.
        metadata: The serialized ``SignatureDefMap``.
        in_caller_thread: Whether a run executes its ops one by one in the calling thread.
    """

    def __init__(
        self,
        name: str,
        version: int,
        path: Path,
        session: Any,
        signatures: Mapping[str, Signature],
        metadata: bytes,
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
        self._run: Callable[..., Sequence[np.ndarray]] = pywrap_tf_session.TF_SessionRun_wrapper
        self._delete_options: Callable[[Any], None] = pywrap_tf_session.TF_DeleteBuffer
        self._in_caller_thread = in_caller_thread
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self._no_limit = self._make_options(0)
        self._limits: dict[int, Any] = {}
        self._lock = threading.Lock()
        self._running = 0
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
            session = saved_model.open_session(path, meta_graph, settings)
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
        return cls(name, version, path, session, signatures, metadata, in_caller_thread=alone)

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None = None,
    ) -> Sequence[np.ndarray]:
        """Runs a signature; blocks until it has finished.

        Args:
            signature: The signature to run.
            feeds: A value for every input, by alias.
            outputs: The aliases to compute.
            timeout_ms: The time limit, rounded up a little; None means none.

        Returns:
            The outputs' values, in the order requested.

        Raises:
            ServingError: An op failed; the error has its code and text.
        """
        plan = self._plans.get((signature.key, outputs))
        if plan is None:
            if len(self._plans) >= _MOST_PLANS and len(outputs) < len(signature.outputs):
                return self._run_all(signature, feeds, outputs, timeout_ms)
            plan = self._plan(signature, outputs)
        options = self._no_limit if timeout_ms is None else self._options_for(timeout_ms)
        inputs = {tensor: feeds[alias] for alias, tensor in plan.feeds}
        with self._lock:
            if self._closed:
                raise ServingError(
                    Code.UNAVAILABLE, f"Version {self.version} of model {self.name} is unloaded"
                )
            self._running += 1
        try:
            values: Sequence[np.ndarray] = self._run(self._handle, options, inputs, plan.fetches, [], None)
        except Exception as error:
            raise _as_serving_error(error) from error
        finally:
            with self._lock:
                self._running -= 1
                if self._closed and not self._running:
                    self._idle.set()
        return [value if type(value) is np.ndarray else _scalar(value) for value in values]

    def _run_all(
        self,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None,
    ) -> Sequence[np.ndarray]:
        every = tuple(signature.outputs)
        values = dict(zip(every, self.run(signature, feeds, every, timeout_ms), strict=True))
        return [values[alias] for alias in outputs]

    def close(self) -> None:
        """Waits for active runs, then frees session and graph and returns their memory."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if not self._running:
                self._idle.set()
        self._idle.wait()
        self._plans.clear()
        self._handle = None
        for options in (self._no_limit, *self._limits.values()):
            self._delete_options(options)
        session, self._session = self._session, None
        session.close()
        del session
        # Graph and operations form a reference cycle.
        gc.collect()
        _trim()

    def _plan(self, signature: Signature, outputs: tuple[str, ...]) -> Plan:
        session = self._session
        if session is None:
            raise ServingError(Code.UNAVAILABLE, f"Version {self.version} of model {self.name} is unloaded")
        graph = session.graph
        try:
            feeds = [(info.alias, _tensor(graph, info.tensor)) for info in signature.inputs.values()]
            fetches = [_tensor(graph, signature.outputs[alias].tensor) for alias in outputs]
        except (KeyError, ValueError, TypeError) as error:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Signature {signature.key} names a tensor that cannot be run: {error}"
            ) from error
        plan = self._plans[signature.key, outputs] = Plan(feeds, fetches)
        return plan

    def _options_for(self, timeout_ms: int) -> Any:
        for limit in _TIMEOUTS_MS:
            if timeout_ms <= limit:
                options = self._limits.get(limit)
                if options is None:
                    options = self._limits[limit] = self._make_options(limit)
                return options
        return self._no_limit

    def _make_options(self, timeout_ms: int) -> Any:
        from tensorflow.core.protobuf import config_pb2
        from tensorflow.python.client import pywrap_tf_session

        options = config_pb2.RunOptions(timeout_in_ms=timeout_ms)
        if self._in_caller_thread:
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


def op_error(error: Any) -> ServingError:
    """Returns TensorFlow's error as the server's, with the op's code and text."""
    return ServingError(Code(error.error_code), error.message)


def _as_serving_error(error: Exception) -> ServingError:
    from tensorflow.python.framework import errors

    if isinstance(error, errors.OpError):
        return op_error(error)
    if isinstance(error, UnicodeDecodeError):
        # TensorFlow's text quotes client input that Python could not decode.
        return ServingError(Code.INVALID_ARGUMENT, error.object.decode(errors="replace"))
    if isinstance(error, (TypeError, ValueError)):
        # A value that cannot become a tensor, such as an object that is not a string.
        return ServingError(Code.INVALID_ARGUMENT, str(error))
    raise error


def _trim() -> None:
    """Returns freed memory to the system; otherwise glibc keeps an unloaded model's pages."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        log.debug("this C library has no malloc_trim: freed memory stays with the process")
