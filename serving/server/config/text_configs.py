"""Side files in protobuf text format whose messages are in no wheel: batching, monitoring and TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from foundation.errors import SpecError
from serving.server.config import side_files_pb2
from serving.server.config.batching_parameters import BatchingParameters
from serving.server.status import Code, ServingError

DEFAULT_MONITORING_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True)
class SslConfig:
    """The key, certificates and client check of gRPC over TLS.

    Attributes:
        server_key: The private key, as PEM text; never shown.
        server_cert: The certificate chain, as PEM text.
        custom_ca: The certificates that clients are checked against, as PEM text.
        client_verify: Whether clients must present a certificate.
    """

    server_key: str = field(repr=False)
    server_cert: str = field(repr=False)
    custom_ca: str = field(default="", repr=False)
    client_verify: bool = False


def parse_text(text: str, message: Any, source: str, *, secret: bool = False) -> Any:
    """Reads protobuf text format into a message; unknown fields are errors.

    Args:
        text: The text.
        message: The message to fill.
        source: The text's origin for the error, usually a file's path.
        secret: Whether the text holds keys, so that errors must not quote it.

    Returns:
        The message.

    Raises:
        ServingError: INVALID_ARGUMENT, with the position of the error.
    """
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        reason = f"line {error.GetLine()}, column {error.GetColumn()}" if secret else str(error)
        raise ServingError(Code.INVALID_ARGUMENT, f"Invalid protobuf file: '{source}' ({reason})") from (
            None if secret else error
        )
    except (UnicodeError, ValueError) as error:
        # Python's parser lets out-of-range values and bad UTF-8 through.
        reason = "a value does not fit its field" if secret else str(error)
        raise ServingError(Code.INVALID_ARGUMENT, f"Invalid protobuf file: '{source}' ({reason})") from (
            None if secret else error
        )


def read_text(path: str) -> str:
    """Returns a side file's text.

    Raises:
        ServingError: NOT_FOUND or another code if the file cannot be read or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ServingError(Code.NOT_FOUND, f"{path}; No such file or directory") from error
    except PermissionError as error:
        raise ServingError(Code.PERMISSION_DENIED, f"{path}; Permission denied") from error
    except UnicodeDecodeError as error:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"Invalid protobuf file: '{path}' (not UTF-8 text)"
        ) from error
    except OSError as error:
        raise ServingError(Code.FAILED_PRECONDITION, f"{path}; {error.strerror}") from error


def batching_parameters(text: str, source: str) -> BatchingParameters:
    """Reads a text BatchingParameters; omitted fields have TF Serving's defaults."""
    message = parse_text(text, side_files_pb2.BatchingParameters(), source)
    given: dict[str, Any] = {entry.name: value for entry, value in message.ListFields()}
    sizes = tuple(given.pop("allowed_batch_sizes", ()))
    plain = {name: getattr(value, "value", value) for name, value in given.items()}
    return BatchingParameters(allowed_batch_sizes=sizes, **plain)


def monitoring_path(text: str, source: str) -> str | None:
    """Reads a text MonitoringConfig; returns the path of the Prometheus page, or None when it is off."""
    config = parse_text(text, side_files_pb2.MonitoringConfig(), source).prometheus_config
    if not config.enable:
        return None
    return config.path or DEFAULT_MONITORING_PATH


def ssl_config(text: str, source: str) -> SslConfig:
    """Reads a text SSLConfig; key and certificates are required."""
    message = parse_text(text, side_files_pb2.SSLConfig(), source, secret=True)
    for name in ("server_key", "server_cert"):
        if not getattr(message, name):
            raise ServingError(
                Code.INVALID_ARGUMENT,
                SpecError(
                    f"SSLConfig '{source}'", expected=f"{name}: the PEM text, newlines as \\n"
                ).render(),
            )
    if message.client_verify and not message.custom_ca:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            SpecError(
                f"SSLConfig '{source}'", expected="custom_ca: client_verify needs the CA of the clients"
            ).render(),
        )
    return SslConfig(message.server_key, message.server_cert, message.custom_ca, message.client_verify)
