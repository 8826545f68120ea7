"""Penstock's own server."""

from __future__ import annotations

import importlib.util
import sys

from serving.engines.engine import Wanted


class Embedded:
    """This package's server, in this Python."""

    name = "embedded"
    what = "Penstock's own server"

    def missing(self) -> str:
        """Returns which packages are not installed."""
        found = [p for p in ("tensorflow", "grpc", "httptools") if importlib.util.find_spec(p) is None]
        return f"{' and '.join(found)} not installed (pip install 'penstock[serving]')" if found else ""

    def command(self, wanted: Wanted) -> list[str]:
        """Returns the command line; Python runs isolated, so nothing is imported from the working directory."""
        flags = wanted.model_flags(str(wanted.folder), (wanted.port, wanted.rest_port))
        return [sys.executable, "-I", "-m", "serving.server", f"--host={wanted.host}", *flags]

    def notes(self, wanted: Wanted) -> list[str]:
        """Returns no notes."""
        return []
