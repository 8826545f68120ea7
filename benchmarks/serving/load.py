"""Load from h2load, a client in C: HTTP/1.1 for REST, HTTP/2 without TLS for gRPC; records every request's time.

h2load reads the HTTP status but not gRPC's, which follows the body. So body bytes are counted too: an error has none,
and every answer of a run must have the size of the one checked before.
"""

from __future__ import annotations

import http.client
import re
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bodies import Call, frame

from foundation.errors import DataError, NodeError


@dataclass(frozen=True)
class Load:
    """One run of the load generator.

    Attributes:
        rate: Requests per second.
        p50: Median time of a request in milliseconds.
        p99: The 99th percentile of a request's time in milliseconds.
        requests: How many were answered.
        bytes: Total size of the answers' bodies.
    """

    rate: float
    p50: float
    p99: float
    requests: int
    bytes: int


def find_h2load() -> str:
    """Returns the program's path.

    Raises:
        DataError: It is not installed.
    """
    found = shutil.which("h2load")
    if found is None:
        remedy = "Debian, Ubuntu: apt-get install nghttp2-client; macOS: brew install nghttp2"
        raise DataError("h2load", expected="the load generator on the path", seen="none", remedy=remedy)
    return found


def load(call: Call, port: int, requests: int, connections: int, streams: int = 1) -> Load:
    """Sends a request many times, with ``streams`` in flight per connection.

    Raises:
        NodeError: A request failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        body, log = Path(folder) / "body", Path(folder) / "log"
        body.write_bytes(call.body)
        command = [
            find_h2load(),
            "-n",
            str(requests),
            "-c",
            str(connections),
            "-m",
            str(streams),
            "-d",
            str(body),
        ]
        command += ["-t", "1", f"--log-file={log}", *([] if call.grpc else ["--h1"])]
        for name, value in call.headers.items():
            command += ["-H", f"{name}: {value}"]
        command.append(f"http://127.0.0.1:{port}{call.path}")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return _read(done.stdout + done.stderr, log.read_text(encoding="utf-8"), requests)


def _read(output: str, log: str, requests: int) -> Load:
    """Reads the summary, and the times from the log: start (µs), status, duration (µs)."""
    good = re.search(r"status codes: (\d+) 2xx", output)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", output)
    data = re.search(r"traffic: .*\((\d+)\) data", output)
    if not (good and rate and data) or int(good[1]) != requests:
        seen = output.strip().splitlines()[-8:]
        raise NodeError("h2load", expected=f"{requests} answers of status 200", seen=" / ".join(seen))
    times = sorted(int(line.split("\t")[2]) / 1000 for line in log.splitlines())
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    return Load(float(rate[1]), statistics.median(times), p99, requests, int(data[1]))


def ask_once(call: Call, port: int) -> bytes:
    """Sends the request once through another client and returns the answer's body; for gRPC with its frame.

    Raises:
        NodeError: The answer is an error.
    """
    if call.grpc:
        return _ask_grpc(call, port)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", call.path, call.body, call.headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise NodeError(call.path, expected="status 200", seen=f"{answer.status} {body[:300]!r}")
    return body


def _ask_grpc(call: Call, port: int) -> bytes:
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary(call.path)
        try:
            return frame(method(call.body[5:], timeout=60))
        except grpc.RpcError as error:
            raise NodeError(
                call.path, expected="status OK", seen=f"{error.code()} {error.details()}"
            ) from error
