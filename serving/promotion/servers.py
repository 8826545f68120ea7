"""A model server whose labels are moved: asked and told over gRPC, by the client that everybody uses."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from foundation.errors import SpecError
from serving.client import Client, Tls
from serving.client.errors import CallError, NotFoundError, RefusedError

_SECONDS = 30.0


class Server:
    """One backend.

    Args:
        name: Its name in the document.
        address: ``HOST:PORT`` of its gRPC API.
        file: Its model configuration file; None if the document names none.
        tls: Files for TLS; None speaks in the clear.
    """

    def __init__(self, name: str, address: str, file: Path | None, tls: Tls | None = None) -> None:
        self.name, self.file = name, file
        self._client = Client(f"{'grpcs' if tls else 'grpc'}://{address}", timeout=_SECONDS, tls=tls)

    def version_of(self, model: str, label: str = "", version: int | None = None) -> int | None:
        """Returns the version that answers for a label, a version, or a request with neither; None if none does.

        Raises:
            CallError: The server does not answer.
        """
        try:
            return self._client.metadata(model, label=label or None, version=version).version
        except (NotFoundError, RefusedError):  # an unknown label is INVALID_ARGUMENT
            return None

    def reload(self, text: str) -> None:
        """Replaces the server's list of models.

        Raises:
            CallError: It refuses or does not answer.
        """
        self._client.reload_config(text)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def needs_file(server: Server) -> Path:
    """Returns a server's model configuration file.

    Raises:
        SpecError: The document names none.
    """
    if server.file is None:
        raise SpecError(
            f"backend {server.name or 'of the server itself'}",
            expected="its model configuration file, which holds its labels",
            seen="no key 'models'",
            remedy=f"add backends: {{{server.name or 'main'}: {{models: /PATH/models.config}}}}",
        )
    return server.file


__all__ = ["CallError", "Server", "needs_file"]
