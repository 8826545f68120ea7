"""Object stores on loopback for tests: moto for S3, a small server shaped like Google's, and faults in front of them."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c

BUCKET = "roots"
OTHER_GOOGLE = os.environ.get("PENSTOCK_TEST_GCS", "")
"""A server with that bucket to test against in place of the double, such as ``fake-gcs-server``."""


@contextlib.contextmanager
def s3() -> Iterator[dict[str, str]]:
    """Runs moto's S3 with one bucket; yields the variables that name it."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "very-secret"}
    boto3.client("s3", region_name="us-east-1", endpoint_url=url, **keys).create_bucket(Bucket=BUCKET)
    yield {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_REGION": "us-east-1",
    }
    server.stop()


@contextlib.contextmanager
def gs() -> Iterator[dict[str, str]]:
    """Runs ``SmallGoogle``, or uses another that is named; yields the variable that names it."""
    if OTHER_GOOGLE:
        yield {"STORAGE_EMULATOR_HOST": OTHER_GOOGLE}
        return
    with _running(SmallGoogle().handler()) as url:
        yield {"STORAGE_EMULATOR_HOST": url}


@contextlib.contextmanager
def gs_apart() -> Iterator[dict[str, str]]:
    """As ``gs``, in a process of its own: Arrow asks for an object while it holds the lock of this one's Python."""
    if OTHER_GOOGLE:
        yield {"STORAGE_EMULATOR_HOST": OTHER_GOOGLE}
        return
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as server:
        assert server.stdout
        try:
            yield {"STORAGE_EMULATOR_HOST": server.stdout.readline().strip()}
        finally:
            server.terminate()


@dataclass
class Faults:
    """What a proxy does to the next requests, and what it has seen.

    Attributes:
        coming: One fault for each request: ``503``, ``slow``, ``refuse`` (no answer) or ``lose`` (the request is carried
            out, its answer lost); an empty text lets the request through.
        forever: The fault of every request, if any.
        only: The method whose requests fail; empty: any.
        seen: Method and path of every request.
    """

    coming: list[str] = field(default_factory=list)
    forever: str = ""
    only: str = ""
    seen: list[str] = field(default_factory=list)

    def next(self, method: str) -> str:
        """Returns what happens to a request."""
        if self.only not in ("", method):
            return ""
        return self.coming.pop(0) if self.coming else self.forever


@contextlib.contextmanager
def failing(url: str, faults: Faults) -> Iterator[str]:
    """Runs a proxy in front of a store, with faults; yields its address."""
    behind = urlsplit(url).netloc
    codes = {
        "503": b"<Error><Code>ServiceUnavailable</Code></Error>",
        "slow": b"<Error><Code>SlowDown</Code></Error>",
    }

    class Proxy(_Quiet):
        def any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            faults.seen.append(f"{self.command} {self.path}")
            fault = faults.next(self.command)
            if fault in codes:
                self.answer(503, codes[fault])
                return
            if fault != "refuse":
                connection = HTTPConnection(behind)
                connection.request(self.command, self.path, body=body, headers=dict(self.headers.items()))
                answer = connection.getresponse()
                content = answer.read()
            if fault in ("refuse", "lose"):
                self.close_connection = True
                self.connection.close()
                return
            self.answer(answer.status, content, dict(answer.getheaders()))

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = any

    with _running(Proxy) as proxy:
        yield proxy


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        left_out = ("connection", "transfer-encoding", "date", "server")
        given = {k: v for k, v in (headers or {}).items() if k.lower() not in left_out}
        if self.command != "HEAD":
            given = {k: v for k, v in given.items() if k.lower() != "content-length"}
            given["Content-Length"] = str(len(body))
        self.send_response(status)
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that was lost on purpose
            super().handle()


class SmallGoogle:
    """A test double: as much of Google Cloud Storage's JSON API as its client uses here, in memory.

    The emulator from PyPI knows no preconditions; ``fake-gcs-server``, which does, needs Go.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.generation, self.lock = 0, threading.Lock()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Returns what answers requests."""
        double = self

        class Handler(_Quiet):
            def any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                url = urlsplit(self.path)
                asked = {key: value[0] for key, value in parse_qs(url.query).items()}
                with double.lock:
                    self.answer(*double.reply(self.command, url.path, asked, body, self.headers))

            do_GET = do_PUT = do_POST = do_DELETE = any

        return Handler

    def reply(
        self, method: str, path: str, asked: dict[str, str], body: bytes, headers: Any
    ) -> tuple[int, bytes] | tuple[int, bytes, dict[str, str]]:
        if path.startswith("/upload/"):
            return self._upload(asked, body, headers)
        if copied := re.fullmatch(r"/storage/v1/b/[^/]+/o/(.+)/rewriteTo/b/[^/]+/o/(.+)", path):
            source, target = map(unquote, copied.groups())
            content, about = self.objects[source]
            resource = json.loads(self._put(target, content, about.get("metadata", {}))[1])
            return 200, json.dumps(
                {"done": True, "resource": resource, "objectSize": "1", "totalBytesRewritten": "1"}
            ).encode()
        found = re.fullmatch(r"(/download)?/storage/v1/b/[^/]+/o(?:/(.+))?", path)
        key = unquote(found[2]) if found and found[2] else ""
        if found and not key:
            names = sorted(name for name in self.objects if name.startswith(asked.get("prefix", "")))
            return 200, json.dumps({"items": [self.objects[name][1] for name in names]}).encode()
        if key not in self.objects:
            return 404, b'{"error": {"code": 404, "message": "not there"}}'
        if method == "DELETE":
            del self.objects[key]
            return 204, b""
        content, about = self.objects[key]
        if (found and found[1]) or asked.get("alt") == "media":
            return _ranged(content, headers.get("Range", ""))
        return 200, json.dumps(about).encode()

    def _upload(
        self, asked: dict[str, str], body: bytes, headers: Any
    ) -> tuple[int, bytes] | tuple[int, bytes, dict[str, str]]:
        if "upload_id" in asked:  # the whole of a large object, whose name came before
            return self._put(asked["upload_id"], body, {})
        if asked["uploadType"] == "resumable":
            name = json.loads(body)["name"]
            place = (
                f"http://{headers['Host']}/upload/storage/v1/b/{BUCKET}/o?upload_id={quote(name, safe='')}"
            )
            return 200, b"", {"Location": place}
        # A parser of texts may not touch the bytes: name and content are taken from the body itself.
        about, content = (part.partition(b"\r\n\r\n")[2] for part in _parts(body))
        given = json.loads(about)
        there = self.objects.get(given["name"], (b"", {}))[1].get("generation", "0")
        if asked.get("ifGenerationMatch", there) != there:
            return 412, b'{"error": {"code": 412, "message": "conditionNotMet"}}'
        return self._put(given["name"], content, given.get("metadata", {}))

    def _put(self, key: str, content: bytes, metadata: dict[str, str]) -> tuple[int, bytes]:
        self.generation += 1
        about = {
            "name": key,
            "bucket": BUCKET,
            "size": str(len(content)),
            "generation": str(self.generation),
            "metadata": metadata,
        }
        about["crc32c"] = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
        self.objects[key] = content, about
        return 200, json.dumps(about).encode()


def _ranged(content: bytes, asked: str) -> tuple[int, bytes] | tuple[int, bytes, dict[str, str]]:
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if not wanted:
        return 200, content
    start, end = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
    return 206, content[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{len(content)}"}


def _parts(body: bytes) -> tuple[bytes, bytes]:
    """Returns the two parts of a multipart body, each with its headers."""
    mark, _, rest = body.partition(b"\r\n")
    first, _, second = rest.partition(b"\r\n" + mark + b"\r\n")
    return first, second.rpartition(b"\r\n" + mark)[0]


@contextlib.contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with _running(SmallGoogle().handler()) as address:
        print(address, flush=True)
        threading.Event().wait()
