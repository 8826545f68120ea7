"""Inputs for the REST front end (bodies from a grammar, mutated bytes, odd paths, broken HTTP), and checks of the answers."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import random
import socket
from collections.abc import Callable
from typing import Any

NUMBERS = [
    "0", "-0", "1", "-1", "2.5", "1e5", "1E-7", "1e400", "-1e400", "2147483648", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 400, "0." + "3" * 400, "NaN",
    "Infinity", "-Infinity", "Inf", "-Inf", "nan", "01", "1.", ".5", "+1", "0x10", "1e", "--1", "1_000",
]  # fmt: skip
WORDS = [
    "x",
    "a",
    "b",
    "instances",
    "inputs",
    "examples",
    "context",
    "signature_name",
    "b64",
    "mixed",
    "classify",
    "",
]
STRINGS = [
    '""', '"a"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"é☃😀"', '"\\x"', '"\t"', '"' + "a" * 5000 + '"',
    '"unfinished', '{"b64":"AA=="}', '{"b64":"A"}', '{"b64":5}', '{"b64":"_-=="}', '{"b64":"AA==","x":1}',
    '{"b64":""}',
]  # fmt: skip
GOOD = [
    ("predict", {"instances": [[1.0, 2.0, 3.0, 4.0]]}),
    ("predict", {"inputs": [[1.0, 2.0, 3.0, 4.0], [0.5, 0, -1, 1e3]]}),
    ("predict", {"signature_name": "mixed", "instances": [{"a": 1, "b": "t", "c": True, "d": 0.5, "e": 7}]}),
    ("predict", {"signature_name": "mixed", "inputs": {"a": [1], "b": [{"b64": "AA=="}], "c": [False], "d": [1], "e": [0]}}),
    ("classify", {"signature_name": "classify", "context": {"n": 3}, "examples": [{"x": 0.5}, {"x": [1.5], "n": [1, 2]}]}),
    ("regress", {"signature_name": "regress", "examples": [{"x": 0.5}]}),
]  # fmt: skip
SEGMENTS = [
    "v1", "V1", "models", "MODELS", "fuzz", "fuzz:predict", "fuzz:PREDICT", "fuzz:classify", "versions", "labels", "1",
    "1:predict", "metadata", "99999999999999999999", "-1", "1.5", "..", "%2e%2e", "%00", "%", "%zz", "%ff%fe", "",
    ":predict", "a" * 3000, "fuzz%3Apredict", "?x=1", "#", "\xc3\xa9", "fuzz:explain", "stable:predict", "healthz",
    "monitoring", "prometheus",
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO"]


def value(dice: random.Random, depth: int = 0) -> str:
    """Returns JSON text that is often not quite JSON."""
    kind = dice.random()
    if depth > 5 or kind < 0.35:
        return dice.choice(NUMBERS)
    if kind < 0.55:
        return dice.choice([*STRINGS, "null", "true", "false", "tru", "undefined"])
    parts = [value(dice, depth + 1) for _ in range(dice.choice([0, 1, 1, 2, 2, 3, 4, 4]))]
    if kind < 0.85:
        return (
            "["
            + dice.choice([",", ",", ",", " , ", ",,"]).join(parts)
            + dice.choice(["]", "]", "]", "]", ",]", ""])
        )
    pairs = [f'"{dice.choice(WORDS)}":{part}' for part in parts]
    return "{" + ",".join(pairs) + dice.choice(["}", "}", "}", "}", ",}", "", "}x"])


def _number(dice: random.Random) -> str:
    """Mostly one that every input accepts, to get past the parser."""
    return dice.choice(NUMBERS) if dice.random() < 0.03 else f"{dice.uniform(-9, 9):.{dice.randrange(1, 9)}f}"


def request_body(dice: random.Random) -> bytes:
    """Returns a body that vaguely looks like a request."""
    shape = dice.random()
    if shape < 0.04:
        depth = dice.choice([100, 1000, 20_000, 200_000])
        opening, closing = dice.choice([("[", "]"), ('{"x":', "}"), ('{"instances":[', "]}")])
        return (opening * depth + dice.choice(["1", "", '"'])).encode() + (
            closing * dice.choice([depth, 0])
        ).encode()
    if shape < 0.1:
        return dice.choice(
            [b"", b"{}", b"[]", b"null", b"\xff\xfe{}", b"\xef\xbb\xbf{}", bytes(dice.randbytes(40))]
        )
    key = dice.choice(["instances", "instances", "inputs", "inputs", "examples"])
    wide = "[" + ",".join(
        "[" + ",".join(_number(dice) for _ in range(3 if dice.random() < 0.05 else 4)) + "]" for _ in range(3)
    )
    content = wide + "]" if shape < 0.5 else value(dice)
    odd = [
        '"signature_name":"mixed",', '"signature_name":"classify",', '"signature_name":7,',
        '"signature_name":"\\ud800",', '"context":' + value(dice) + ",",
    ]  # fmt: skip
    extra = "" if dice.random() < 0.6 else dice.choice(odd)
    return ("{" + extra + f'"{key}":{content}' + dice.choice(["}", "}", "}", "} trailing", ""])).encode()


def mutate(dice: random.Random, data: bytes) -> bytes:
    """Changes a few bytes: flips, removes, doubles, replaces or cuts them."""
    out = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 3, 8])):
        if not out:
            break
        at = dice.randrange(len(out))
        kind = dice.randrange(6)
        if kind == 0:
            out[at] = dice.randrange(256)
        elif kind == 1:
            del out[at : at + dice.choice([1, 1, 4, 40])]
        elif kind == 2:
            out[at:at] = out[max(0, at - 12) : at]
        elif kind == 3:
            out[at:at] = dice.choice(
                [b"\x00", b"[", b"{", b'"', b"\\", b"1e999", b"null", b"\xff\xff\xff\xff\x0f", b"\x80"]
            )
        elif kind == 4:
            del out[at:]
        else:
            out[at] ^= 1 << dice.randrange(8)
    return bytes(out)


def call(dice: random.Random) -> bytes:
    """Returns one HTTP request as bytes."""
    kind = dice.random()
    verb, good = dice.choice(GOOD)
    path = f"/v1/models/fuzz{dice.choice(['', '', '', '/versions/1', '/versions/2', '/labels/none'])}:{verb}"
    method, headers = "POST", ["Host: x"]
    if kind < 0.45:
        body = request_body(dice)
    elif kind < 0.75:
        body = mutate(dice, json.dumps(good).encode())
    elif kind < 0.9:
        method, body = dice.choice(METHODS), b""
        path = dice.choice(["/", "", "//"]) + "/".join(
            dice.choice(SEGMENTS) for _ in range(dice.randrange(1, 6))
        )
    else:
        body = json.dumps(good).encode()
        if dice.random() < 0.7:
            headers.append(f"Content-Encoding: {dice.choice(['gzip', 'gzip, gzip', 'x-gzip', 'deflate'])}")
            packed = gzip.compress(body if dice.random() < 0.9 else b"[" + b" " * 3_000_000, 1)
            body = packed if dice.random() < 0.3 else mutate(dice, packed)
    if kind > 0.9 and dice.random() < 0.4:
        return _odd_framing(dice, path, headers, body)
    head = [f"{method} {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode("latin-1", "replace") + body


def _odd_framing(dice: random.Random, path: str, headers: list[str], body: bytes) -> bytes:
    line = dice.choice(
        [f"POST {path} HTTP/1.1", f"POST {path} HTTP/9.9", f"POST {path}", "", "\x00\x01", "PRI * HTTP/2.0"]
    )
    framing = dice.choice(
        ["Transfer-Encoding: chunked", "Content-Length: -5", "Content-Length: abc", "Content-Length: 99999999999999999999",
         "Content-Length: 5\r\nContent-Length: 6", "X: " + "y" * 100_000, "X\x00: y", ": empty", "Expect: 100-continue"]
    )  # fmt: skip
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    data = dice.choice([chunked, mutate(dice, chunked), body])
    return "\r\n".join([line, *headers, framing, "", ""]).encode("latin-1") + data


class RestFuzzer:
    """Sends requests over kept connections.

    Args:
        port: The server's REST port.
        found: Called with every finding: a short text and the request.
    """

    def __init__(self, port: int, found: Callable[[str, bytes], None]) -> None:
        self._port, self._found = port, found
        self._socket: socket.socket | None = None
        self.statuses: dict[str, int] = {}

    def send(self, request: bytes) -> None:
        """Sends one request and checks the answer; for a malformed one the server may also close the connection."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=5)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._socket.sendall(request)
            answer = http.client.HTTPResponse(self._socket, method=request.split(b" ")[0].decode("latin-1"))
            answer.begin()
            body = answer.read()
        except (http.client.HTTPException, ConnectionError):
            self._count("closed")
            self.close()
            return
        except TimeoutError:
            self._count("waits for more")
            self.close()
            return
        self._count(str(answer.status))
        self._judge(request, answer.status, body)
        # Data after a malformed request on the same connection may be read as the rest of it.
        if answer.will_close or answer.status >= 400:
            self.close()

    def _judge(self, request: bytes, status: int, body: bytes) -> None:
        if status == 500 or b"Traceback" in body:
            self._found(f"REST {status} {body[:150]!r}", request)
        elif status >= 400 and request.partition(b" ")[2].lower().startswith(b"/v1/") and body:
            try:
                problem: Any = json.loads(body)["error"]
            except (ValueError, KeyError, TypeError):
                problem = None
            if not isinstance(problem, str):
                self._found(f"REST {status} without an error in JSON: {body[:100]!r}", request)
        elif status == 200 and not request.startswith((b"HEAD", b"OPTIONS")) and not body:
            self._found("REST 200 with an empty body", request)

    def _count(self, status: str) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def close(self) -> None:
        """Drops the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def as_text(request: bytes) -> str:
    """Returns a request in a form short enough for a report."""
    return base64.b64encode(request[:4000]).decode()
