"""Clients that others wrote: curl, ApacheBench and Java's own HTTP client, each against a real socket."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.http.handler import Limits
from tests.serving.http.running import RunningEcho

pytestmark = pytest.mark.integration

JAVA = """
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Ask {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();  // Its default is to offer HTTP/2.
        for (int number = 0; number < 3; number++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .POST(HttpRequest.BodyPublishers.ofString("body " + number)).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
"""


@pytest.fixture
def server() -> Iterator[RunningEcho]:
    with RunningEcho(Limits(body_bytes=10**6)) as running:
        yield running


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_offers_http2(server: RunningEcho) -> None:
    curl = program("curl")
    if "HTTP2" not in run(curl, "--version"):
        pytest.skip("this curl cannot offer HTTP/2")
    url = f"http://127.0.0.1:{server.port}/v1"
    plain = run(curl, "-s", "--http2", "-d", "hello", url, url)
    assert plain == "POST /v1 hello" * 2
    chunked = run(curl, "-s", "--http2", "-H", "Transfer-Encoding: chunked", "-d", "hello", url)
    assert chunked == "POST /v1 hello"
    large = run(curl, "-s", "--http2", "-H", "Expect: 100-continue", "-d", "x" * 100_000, url)
    assert large == "POST /v1 " + "x" * 100_000


def test_java_s_own_client_offers_http2(server: RunningEcho, tmp_path: Path) -> None:
    java = program("java")
    source = tmp_path / "Ask.java"
    source.write_text(JAVA)
    answer = run(java, str(source), f"http://127.0.0.1:{server.port}/v1")
    assert answer.splitlines() == [f"200 POST /v1 body {number}" for number in range(3)]


def test_apachebench_keeps_its_connection(server: RunningEcho, tmp_path: Path) -> None:
    ab = program("ab")
    body = tmp_path / "body"
    body.write_text("hello")
    answer = run(
        ab, "-k", "-n", "100", "-c", "4", "-s", "5", "-p", str(body), f"http://127.0.0.1:{server.port}/v1"
    )
    lines = {line.partition(":")[0]: line.partition(":")[2].strip() for line in answer.splitlines()}
    assert lines["Complete requests"] == "100"
    assert lines["Keep-Alive requests"] == "100"
    assert lines["Failed requests"] == "0"
