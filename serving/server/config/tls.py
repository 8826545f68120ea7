"""gRPC over TLS: credentials from an SSLConfig."""

from __future__ import annotations

import os
import ssl
import tempfile
from typing import TYPE_CHECKING, Any

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.config.text_configs import SslConfig


def credentials(config: SslConfig) -> Any:
    """Returns the gRPC server credentials; with ``client_verify`` clients need a certificate of the custom CA."""
    import grpc

    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def check(config: SslConfig) -> None:
    """Refuses what gRPC would only report in its own log, at the first handshake.

    Raises:
        ServingError: INVALID_ARGUMENT if key and certificates are not PEM or do not match.
    """
    context(config)


def context(config: SslConfig) -> ssl.SSLContext:
    """Returns the TLS context of our own HTTP/2; with ``client_verify`` clients need a certificate of the custom CA.

    Raises:
        ServingError: INVALID_ARGUMENT if key and certificates are not PEM or do not match.
    """
    # The ssl module reads keys only from files; this one is private to its owner and soon deleted.
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in (("cert", config.server_cert), ("key", config.server_key)):
            path = os.path.join(folder, name)
            with open(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(text)
            paths.append(path)
        try:
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            made.set_alpn_protocols(["h2"])
            made.load_cert_chain(paths[0], paths[1], password=_no_password)
            if config.custom_ca:
                made.load_verify_locations(cadata=config.custom_ca)
            if config.client_verify:
                made.verify_mode = ssl.CERT_REQUIRED
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "not PEM, or protected by a password"
            # Without its cause: the parser's text may quote the key.
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"SSLConfig: server_key, server_cert and custom_ca do not make a TLS server ({reason})",
            ) from None
    return made


def _no_password() -> str:
    raise ValueError("the key is protected by a password")
