"""gRPC's clients in Go, Java and JavaScript, and gRPC's own interop cases, against our HTTP/2 front."""

from __future__ import annotations

import pytest

from tests.integration.http2 import builds
from tests.integration.http2.conftest import Served
from tests.integration.http2.running import verdicts

pytestmark = pytest.mark.integration

CASES = {
    "small", "empty", "large", "concurrent", "deadline", "cancel", "metadata", "status", "unimplemented", "gzip",
    "tls", "tls_large", "tls_concurrent", "drain",
}  # fmt: skip
INTEROP = {
    "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "custom_metadata",
    "status_code_and_message", "special_status_message", "unimplemented_method", "unimplemented_service",
    "timeout_on_sleeping_server", "cancel_after_begin", "streaming_is_refused",
}  # fmt: skip


def _addresses(served: Served) -> list[str]:
    return [served.plain, served.secure, str(served.roots)]


def test_interop_cases(served: Served) -> None:
    assert verdicts([*builds.go(), "interop", served.plain]) == dict.fromkeys(INTEROP, "PASS")


def test_grpc_go(served: Served) -> None:
    seen = verdicts([*builds.go(), "client", *_addresses(served)])
    assert seen == dict.fromkeys(CASES, "PASS")


def test_grpc_java_on_netty(served: Served) -> None:
    seen = verdicts([*builds.java(), *_addresses(served)])
    assert seen == dict.fromkeys(CASES, "PASS")


def test_grpc_js(served: Served) -> None:
    seen = verdicts([*builds.node(), *_addresses(served)])
    assert seen == dict.fromkeys(CASES | {"keepalive"}, "PASS")
