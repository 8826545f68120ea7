"""Imports TensorFlow, in one place and without its chatter about the machine."""

from __future__ import annotations

import faulthandler
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from foundation.processes.importing import uncollected

_CHATTER: Final = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|"
    rb"[IW]\d{4} .*(port\.cc|cudart_stub\.cc|cpu_feature_guard\.cc)|"
    rb"To enable the following instructions:"
)
"""Printed at every import, before TensorFlow's log level takes effect. Everything else is passed on."""

_KERAS: Final = ("keras.src.optimizers", "tf_keras.src.optimizers")
"""Modules that TensorFlow imports if it can, and does without otherwise."""


def import_tensorflow() -> None:
    """Imports TensorFlow, keeping the useful part of its output.

    ``TF_CPP_MIN_LOG_LEVEL=0`` shows all of it.
    """
    if "tensorflow" in sys.modules:
        return
    with _without_keras(), uncollected():
        _import_quietly()


@contextmanager
def _without_keras() -> Iterator[None]:
    """Keeps TensorFlow from importing Keras, which it does only for ``tf.saved_model.load``.

    Keras, with the parts of SciPy, pandas and Matplotlib that it loads, takes more than half of TensorFlow's import.
    ``tf.keras`` still loads it on use.
    """
    blocked = [name for name in _KERAS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]  # None: an import of it fails.
    try:
        yield
    finally:
        for name in blocked:
            sys.modules.pop(name, None)


def _import_quietly() -> None:
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        import tensorflow

        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught, os.fdopen(os.dup(2), "wb") as real:
        faulthandler.enable(real)  # On a CPU that TensorFlow does not support, the process dies here.
        os.dup2(caught.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            sys.stderr.flush()
            os.dup2(real.fileno(), 2)
            faulthandler.disable()
            caught.seek(0)
            real.writelines(line for line in caught if not _CHATTER.match(line))
