"""h2load, on nghttp2: many streams on many connections, small windows, with and without TLS."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.http2.builds import needed
from tests.integration.http2.conftest import Served

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("clients", "streams", "size", "more"),
    [
        (1, 1, 10, []),
        (4, 100, 1000, []),
        (2, 200, 100, []),
        (2, 10, 300_000, []),
        # A window of 16 KiB for each stream and the connection: the server waits for every update.
        (2, 10, 300_000, ["-w", "14", "-W", "14"]),
        (2, 10, 1000, ["--header-table-size=0", "--encoder-header-table-size=0"]),
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_every_request_is_answered(
    served: Served, tmp_path: Path, tls: bool, clients: int, streams: int, size: int, more: list[str]
) -> None:
    needed("h2load")
    body = tmp_path / "body"
    body.write_bytes(b"\0" + size.to_bytes(4, "big") + bytes(size))
    count = 100 if size > 10_000 else 1000
    address = f"https://{served.secure}" if tls else f"http://{served.plain}"
    command = ["h2load", "-n", str(count), "-c", str(clients), "-m", str(streams), "-d", str(body), *more]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers", f"{address}/suite.Echo/Echo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    good = re.search(r"status codes: (\d+) 2xx", done.stdout)
    data = re.search(r"traffic: .*\((\d+)\) data", done.stdout)
    assert good and data, done.stdout
    assert (int(good[1]), int(data[1])) == (count, count * (size + 5)), done.stdout
