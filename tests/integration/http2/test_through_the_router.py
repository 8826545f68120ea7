"""The same suites and clients with our router between them and the service: it passes everything on."""

from __future__ import annotations

import pytest

from tests.integration.http2 import builds
from tests.integration.http2.conftest import Served
from tests.integration.http2.running import verdicts
from tests.integration.http2.test_clients import CASES, INTEROP
from tests.integration.http2.test_h2spec import NEED_A_TABLE

pytestmark = pytest.mark.integration


def _addresses(routed: Served) -> list[str]:
    return [routed.plain, routed.secure, str(routed.roots)]


def test_h2spec(routed: Served) -> None:
    seen = verdicts([*builds.go(), "h2spec", routed.plain])
    assert {name for name, verdict in seen.items() if verdict != "PASS"} == NEED_A_TABLE


def test_interop_cases(routed: Served) -> None:
    assert verdicts([*builds.go(), "interop", routed.plain]) == dict.fromkeys(INTEROP, "PASS")


def test_grpc_go(routed: Served) -> None:
    seen = verdicts([*builds.go(), "client", *_addresses(routed)])
    assert seen == dict.fromkeys(CASES, "PASS")


def test_grpc_java_on_netty(routed: Served) -> None:
    seen = verdicts([*builds.java(), *_addresses(routed)])
    assert seen == dict.fromkeys(CASES, "PASS")


def test_grpc_js(routed: Served) -> None:
    seen = verdicts([*builds.node(), *_addresses(routed)])
    assert seen == dict.fromkeys(CASES | {"keepalive"}, "PASS")
