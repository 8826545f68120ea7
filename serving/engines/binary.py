"""The real ``tensorflow_model_server``, found on the PATH."""

from __future__ import annotations

import shutil

from serving.engines.engine import Wanted

PROGRAM = "tensorflow_model_server"


class Binary:
    """TF Serving's own executable."""

    name = "binary"
    what = "the tensorflow_model_server on the PATH"

    def missing(self) -> str:
        """Returns why the program cannot be started."""
        return "" if shutil.which(PROGRAM) else f"no {PROGRAM} on the PATH"

    def command(self, wanted: Wanted) -> list[str]:
        """Returns the command line."""
        flags = wanted.model_flags(str(wanted.folder), (wanted.port, wanted.rest_port))
        return [shutil.which(PROGRAM) or PROGRAM, *flags]

    def notes(self, wanted: Wanted) -> list[str]:
        """Returns a warning that it cannot bind to one address."""
        if wanted.everywhere:
            return []
        return [
            f"{PROGRAM} has no flag for an address: it listens on every interface, not only on {wanted.host}."
        ]
