"""One loaded version of a model: a TensorFlow session, and the callables that requests run on it."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from serving.server import saved_model
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from serving.server.batching_parameters import BatchingParameters
    from serving.server.session_settings import SessionSettings
    from serving.server.signature import Signature

_LOG = logging.getLogger(__name__)
# Output filters make callables of their own; a client that tries all combinations must not fill the memory.
_MAX_CALLABLES: Final = 128
# Run options belong to the callable, so time limits are rounded up to these; above the last there is none.
_TIMEOUTS_MS: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 300_000)

Key = tuple[str, tuple[str, ...], int]


class Servable:
    """A version that can be run; thread safe.

    Args:
        name: The model's name.
        version: The version's number.
        path: The version's directory.
        session: The TensorFlow session; the servable closes it.
        signatures: The signatures that requests can name.
        metadata: The serialized `SignatureDefMap`.
        in_caller_thread: Whether a run's ops are run one after the other by the thread that asks for it.
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
        self._session = session
        self._in_caller_thread = in_caller_thread
        self._callables: OrderedDict[Key, Callable[..., Sequence[np.ndarray]]] = OrderedDict()
        self._changed = threading.Condition()
        self._running = 0
        self._closed = False

    @classmethod
    def load(cls, name: str, version: int, path: Path, settings: SessionSettings) -> Servable:
        """Loads a version; blocks while it does.

        Args:
            name: The model's name.
            version: The version's number.
            path: The version's directory.
            settings: The session's settings.

        Returns:
            The servable, ready to run.

        Raises:
            ServingError: It cannot be loaded; the code is that of the failing step.
        """
        from tensorflow.python.framework import errors

        try:
            meta_graph = saved_model.read_meta_graph(path, settings.tags)
            signatures = saved_model.signatures_of(meta_graph)
            session = saved_model.open_session(path, meta_graph, settings)
        except errors.OpError as error:
            raise op_error(error) from error
        except (ValueError, KeyError, TypeError) as error:
            # What the importer finds wrong in a graph: unknown ops, broken edges.
            raise ServingError(
                Code.INVALID_ARGUMENT, f"The graph of {path} cannot be loaded: {error}"
            ) from error
        metadata = saved_model.signature_def_map(meta_graph)
        # Who sets the number of ops that run at once wants TensorFlow's threads.
        alone = not saved_model.config_of(settings).inter_op_parallelism_threads
        return cls(name, version, path, session, signatures, metadata, in_caller_thread=alone)

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None = None,
    ) -> Sequence[np.ndarray]:
        """Runs a signature; blocks until it is done.

        Args:
            signature: What to run.
            feeds: A value for every input, by alias.
            outputs: The aliases to compute.
            timeout_ms: The time limit, rounded up to a coarse class; None means none.

        Returns:
            The outputs' values, in their order.

        Raises:
            ServingError: With the code and text of the op that failed.
        """
        key = (signature.key, outputs, _timeout_class(timeout_ms))
        values = [feeds[alias] for alias in signature.inputs]
        self._enter()
        try:
            call = self._callables.get(key) or self._make(key, signature)
            return call(*values)
        except ServingError:
            raise
        except Exception as error:
            raise _as_serving_error(error) from error
        finally:
            self._leave()

    def close(self) -> None:
        """Waits for the runs at work, then frees session and graph and gives the memory back."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._running == 0)
            session, self._session = self._session, None
            self._callables.clear()
        if session is None:
            return
        session.close()
        del session
        gc.collect()
        _trim()

    def _enter(self) -> None:
        with self._changed:
            if self._closed:
                raise ServingError(
                    Code.UNAVAILABLE, f"Version {self.version} of model {self.name} is unloaded"
                )
            self._running += 1

    def _leave(self) -> None:
        with self._changed:
            self._running -= 1
            if self._closed:
                self._changed.notify_all()

    def _make(self, key: Key, signature: Signature) -> Callable[..., Sequence[np.ndarray]]:
        from tensorflow.core.protobuf import config_pb2

        options = config_pb2.CallableOptions()
        options.feed.extend(info.tensor for info in signature.inputs.values())
        options.fetch.extend(signature.outputs[alias].tensor for alias in key[1])
        options.run_options.timeout_in_ms = key[2]
        if self._in_caller_thread:
            # Small models spend most of their time on the way to TensorFlow's own threads and back.
            options.run_options.inter_op_thread_pool = -1
        call: Callable[..., Sequence[np.ndarray]] = self._session._make_callable_from_options(options)
        with self._changed:
            self._callables[key] = call
            if len(self._callables) > _MAX_CALLABLES:
                self._callables.popitem(last=False)
        return call


def _timeout_class(timeout_ms: int | None) -> int:
    if timeout_ms is None:
        return 0
    for limit in _TIMEOUTS_MS:
        if timeout_ms <= limit:
            return limit
    return 0


def op_error(error: Any) -> ServingError:
    """Returns TensorFlow's error as the server's: the op's own code and text."""
    return ServingError(Code(error.error_code), error.message)


def _as_serving_error(error: Exception) -> ServingError:
    from tensorflow.python.framework import errors

    if isinstance(error, errors.OpError):
        return op_error(error)
    if isinstance(error, (TypeError, ValueError)):
        # A value that cannot be made a tensor, such as an object that is no string.
        return ServingError(Code.INVALID_ARGUMENT, str(error))
    raise error


def _trim() -> None:
    """Gives freed memory back to the system; without it glibc keeps an unloaded model's pages."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        _LOG.debug("this C library has no malloc_trim: freed memory stays with the process")
