"""The one import of TensorFlow, without what it says of every machine it is imported on."""

from __future__ import annotations

import faulthandler
import os
import re
import sys
import tempfile
from typing import Final

# Said at every import, before any setting of TensorFlow's log level counts. Everything else is passed on.
_CHATTER: Final = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|"
    rb"[IW]\d{4} .*(port\.cc|cudart_stub\.cc|cpu_feature_guard\.cc)|"
    rb"To enable the following instructions:"
)


def import_tensorflow() -> None:
    """Imports TensorFlow, with what is worth reading of its output.

    `TF_CPP_MIN_LOG_LEVEL=0` shows all of it.
    """
    if "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        import tensorflow

        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught, os.fdopen(os.dup(2), "wb") as real:
        faulthandler.enable(real)  # A processor that TensorFlow cannot run on ends the process in here.
        os.dup2(caught.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            sys.stderr.flush()
            os.dup2(real.fileno(), 2)
            faulthandler.disable()
            caught.seek(0)
            real.writelines(line for line in caught if not _CHATTER.match(line))
