"""The TF Servings behind the router."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foundation.errors import SpecError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Tls:
    """How the router speaks TLS to a backend.

    Attributes:
        ca: Path of the certificates to trust, PEM; empty means the system's.
        certificate: Path of the router's own certificate, PEM; empty if the backend asks for none.
        key: Path of its key, PEM.
        name: The name that the backend's certificate must have; empty means the address's host.
        rest: Whether the REST address speaks TLS too; TF Serving's own does not.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    name: str = ""
    rest: bool = False

    def context(self, *protocols: str) -> ssl.SSLContext:
        """Returns the settings of connections that speak one of these protocols.

        Raises:
            StorageError: A file cannot be read.
            SpecError: A file is not PEM, or key and certificate do not match.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key or None, _no_password)
        except ssl.SSLError as error:
            raise _unusable(f"{self.ca or self.certificate}", error) from None
        except OSError as error:
            raise StorageError(f"{error.filename or self.ca or self.certificate}", seen=str(error)) from error
        context.set_alpn_protocols(list(protocols))
        return context


def server_context(certificate: str, key: str, client_ca: str, *protocols: str) -> ssl.SSLContext:
    """Returns the settings of the router's own TLS ports.

    Args:
        certificate: Path of the certificate, PEM, with its chain.
        key: Path of its key, PEM.
        client_ca: Path of the certificates that clients must have one from; empty asks clients for none.
        *protocols: What the port speaks, as in ALPN.

    Raises:
        StorageError: A file cannot be read.
        SpecError: A file is not PEM, or key and certificate do not match.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None, _no_password)
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, ValueError) as error:
        raise _unusable(certificate, error) from None
    except OSError as error:
        raise StorageError(f"{error.filename or certificate}", seen=str(error)) from error
    context.set_alpn_protocols(list(protocols))
    return context


def _unusable(path: str, error: Exception) -> SpecError:
    # Without its cause: the parser's text may quote the key.
    reason = getattr(error, "reason", None) or "not PEM, or protected by a password"
    return SpecError(path, expected="PEM files that belong together, the key without a password", seen=reason)


def _no_password() -> str:
    raise ValueError("the key is protected by a password")


@dataclass(frozen=True)
class Backend:
    """One TF Serving.

    Attributes:
        name: Its name in the document.
        grpc: ``HOST:PORT`` of its gRPC API; empty if it has none.
        rest: ``HOST:PORT`` of its REST API; empty if it has none.
        tls: How to speak TLS to it; None means in the clear.
        connections: Among how many gRPC connections calls are spread.
    """

    name: str
    grpc: str = ""
    rest: str = ""
    tls: Tls | None = None
    connections: int = 1


@dataclass(frozen=True)
class Backends:
    """All backends; the first is the default.

    Attributes:
        all: Name → backend, in the document's order.
    """

    all: Mapping[str, Backend] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.all:
            raise SpecError(
                "backends",
                expected="at least one TF Serving to send requests to",
                seen="none",
                remedy="add backends: {main: {grpc: 127.0.0.1:8500, rest: 127.0.0.1:8501}}",
            )

    @property
    def default(self) -> str:
        """Name of the default backend."""
        return next(iter(self.all))


def host_and_port(address: str) -> tuple[str, int]:
    """Returns host and port of ``HOST:PORT``; an IPv6 address is in brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def reason(error: OSError) -> str:
    """Returns why a connection failed, in a few words."""
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({getattr(error, 'verify_message', '') or error.reason or 'no common settings'})"
    if error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__
