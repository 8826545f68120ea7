"""TLS and socket files: the client against servers whose certificates it must check."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from foundation.errors import StorageError
from serving.client import Client, Retries, Tls, UnavailableError
from tests.serving.certificates import certificates
from tests.serving.client.conftest import METADATA, reply

ONCE = Retries(0)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "keys"
    certificates(folder)
    return folder


@pytest.fixture(scope="module")
def https(keys: Path) -> Iterator[str]:
    """An HTTPS server that asks for a client's certificate, behind a path as a gateway would be."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = self.path == "/tf/v1/models/m/metadata"
            reply(self, METADATA if found else b"{}", 200 if found else 404)

        def log_message(self, *said: object) -> None:
            """Logs nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "tls.crt", keys / "tls.key")
    context.load_verify_locations(keys / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/tf/"
    server.shutdown()
    server.server_close()
    thread.join()


def tls(keys: Path, **other: Any) -> Tls:
    given = {"ca": "ca.crt", "certificate": "client.crt", "key": "client.key"} | other
    files = {name: keys / file for name, file in given.items() if file is not None and name != "server_name"}
    return Tls(**files, server_name=other.get("server_name", "models.example"))


def test_rest_over_tls(https: str, keys: Path) -> None:
    with Client(https, tls=tls(keys)) as client:
        assert client.metadata("m").version == 7
        assert client.metadata("m").version == 7


@pytest.mark.parametrize(
    "wrong",
    [{"ca": None}, {"server_name": "other.example"}, {"certificate": None, "key": None}],
    ids=["unknown CA", "another name", "no certificate"],
)
def test_rest_with_wrong_keys_is_unavailable(https: str, keys: Path, wrong: dict[str, Any]) -> None:
    with Client(https, tls=tls(keys, **wrong), retries=ONCE) as client, pytest.raises(UnavailableError):
        client.metadata("m")


class _Metadata(grpc.GenericRpcHandler):
    def service(self, details: Any) -> Any:
        from serving.wire import client_pb2

        answer = client_pb2.GetModelMetadataResponse()
        answer.model_spec.version.value = 7
        return grpc.unary_unary_rpc_method_handler(lambda request, context: answer.SerializeToString())


def test_grpc_over_tls_and_over_a_socket_file(keys: Path, tmp_path: Path) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(_Metadata(),))
    pair = ((keys / "tls.key").read_bytes(), (keys / "tls.crt").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (keys / "ca.crt").read_bytes(), True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.add_insecure_port(f"unix:{tmp_path}/s")
    server.start()
    try:
        with Client(f"grpcs://127.0.0.1:{port}", tls=tls(keys)) as client:
            assert client.metadata("m").version == 7
        with Client(f"unix://{tmp_path}/s") as client:
            assert client.metadata("m").version == 7
        for wrong in ({"ca": None}, {"server_name": "other.example"}, {"certificate": None, "key": None}):
            with (
                Client(f"grpcs://127.0.0.1:{port}", tls=tls(keys, **wrong), retries=ONCE) as client,
                pytest.raises(UnavailableError),
            ):
                client.metadata("m", timeout=5)
    finally:
        server.stop(0).wait()


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none\.pem"):
        Client("grpcs://localhost", tls=Tls(ca=tmp_path / "none.pem"))
