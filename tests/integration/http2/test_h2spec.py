"""h2spec, every case of its three groups: generic, RFC 7540 and RFC 7541, strict ones included."""

from __future__ import annotations

import pytest

from tests.integration.http2.builds import go
from tests.integration.http2.conftest import Served
from tests.integration.http2.running import verdicts

pytestmark = pytest.mark.integration

CASES = 146
"""How many h2spec 2.2.1 has."""
NEED_A_TABLE = {
    "generic/5/14 Sends a dynamic table size update",
    "generic/5/15 Sends multiple dynamic table size update",
    "http2/6.10/1 Sends multiple CONTINUATION frames preceded by a HEADERS frame",
}
"""h2spec acknowledges SETTINGS_HEADER_TABLE_SIZE=0 and uses a table all the same: RFC 7541, 4.2 and 6.3, has a decoder
refuse that. Every client that we know keeps to the setting."""


def _not_passed(address: str) -> set[str]:
    seen = verdicts([*go(), "h2spec", address])
    assert len(seen) == CASES
    return {name for name, verdict in seen.items() if verdict != "PASS"}


def test_every_case_where_clients_may_use_a_dynamic_table(served: Served) -> None:
    assert _not_passed(served.table) == set()


def test_every_case_that_keeps_to_a_table_of_no_size(served: Served) -> None:
    assert _not_passed(served.plain) == NEED_A_TABLE
