"""h2spec, every case: RFC 7540's connection, stream and frame rules, and RFC 7541's."""

from __future__ import annotations

import pytest

from tests.integration.http2.builds import go
from tests.integration.http2.conftest import Served
from tests.integration.http2.running import verdicts

pytestmark = pytest.mark.integration

CASES = 146
"""What h2spec 2.2.1 has in its three groups, strict cases included."""


def test_every_case(served: Served) -> None:
    seen = verdicts([*go(), "h2spec", served.plain])
    failed = {name: verdict for name, verdict in seen.items() if verdict != "PASS"}
    assert (failed, len(seen)) == ({}, CASES)
