"""A server's address: protocol, location and TLS keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from foundation.errors import near_miss
from foundation.publish import storage_error
from serving.client.errors import InputError

_PORTS = {"http": 8501, "https": 443, "grpc": 8500, "grpcs": 443}


@dataclass(frozen=True)
class Tls:
    """PEM files for ``https://`` and ``grpcs://``.

    Attributes:
        ca: CA certificates to check the server's against; None means the system's.
        certificate: The client's certificate chain, if the server asks for one.
        key: Its private key.
        server_name: The name in the server's certificate, if it differs from the address.
    """

    ca: Path | str | None = None
    certificate: Path | str | None = None
    key: Path | str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InputError("tls", expected="a certificate and its key", seen="one of them")


@dataclass(frozen=True)
class Address:
    """A parsed address.

    Attributes:
        scheme: http, https, grpc, grpcs or unix (gRPC over a socket file).
        host: The host; for unix, the path of the socket.
        port: The port; 0 for unix.
        prefix: A path before ``/v1``, for servers behind a gateway; REST only.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def rest(self) -> bool:
        """Whether the protocol is REST."""
        return self.scheme in ("http", "https")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("https", "grpcs")

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def parse_address(url: str) -> Address:
    """Reads an address such as ``http://host:8501`` or ``grpc://host:8500``.

    The default ports are TF Serving's, 8501 and 8500, and 443 for ``https`` and ``grpcs``.

    Raises:
        InputError: The address is malformed.
    """
    expected = "http://host:8501, https://host, grpc://host:8500, grpcs://host or unix:///socket"
    scheme, found, rest = url.partition("://")
    if scheme == "unix" and found and rest.startswith("/"):
        return Address("unix", rest, 0)
    if scheme not in _PORTS:
        raise InputError(f"address {url!r}", expected=expected, remedy=near_miss(scheme, list(_PORTS)))
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else _PORTS[scheme]
    except ValueError as error:
        raise InputError(f"address {url!r}", expected=expected, seen=str(error)) from error
    if parts.username is not None or parts.password is not None:
        raise InputError("address", expected="no user and password, which TF Serving does not support")
    prefix = parts.path.rstrip("/")
    if not parts.hostname or parts.query or parts.fragment or (prefix and scheme.startswith("grpc")):
        raise InputError(f"address {url!r}", expected=expected)
    return Address(scheme, parts.hostname, port, prefix)


def read_pem(path: Path | str | None) -> bytes | None:
    """Returns the bytes of a PEM file, or None without one.

    Raises:
        StorageError: The file cannot be read.
    """
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise storage_error(path, error) from error
