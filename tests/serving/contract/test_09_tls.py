"""Contract, section 9.4: gRPC over TLS, with and without certificates of clients; REST stays plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serving.certificates import certificates
from tests.serving.clients import GrpcClient, refused, rest_client
from tests.serving.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration

NAME = [("grpc.ssl_target_name_override", "models.example")]


@pytest.fixture(scope="module")
def folder(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("tls")
    certificates(found / "certificates")
    models.place("half_plus_two", found / "model")
    return found


def _server(folder: Path, *, verify: bool) -> ServerProcess:
    def pem(name: str) -> str:
        return (folder / "certificates" / name).read_text().replace("\n", "\\n")

    config = folder / f"ssl_{verify}.config"
    config.write_text(
        f'server_key: "{pem("tls.key")}"\nserver_cert: "{pem("tls.crt")}"\n'
        f'custom_ca: "{pem("ca.crt")}"\nclient_verify: {str(verify).lower()}\n'
    )
    return ServerProcess(folder, f"--model_base_path={folder / 'model'}", f"--ssl_config_file={config}")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    with _server(folder, verify=False) as process:
        yield process


@pytest.fixture(scope="module")
def verifying(folder: Path) -> Iterator[ServerProcess]:
    with _server(folder, verify=True) as process:
        yield process


def _client(folder: Path, process: ServerProcess, certificate: str = "") -> GrpcClient:
    import grpc

    def read(name: str) -> bytes:
        return (folder / "certificates" / name).read_bytes()

    own = (read(f"{certificate}.key"), read(f"{certificate}.crt")) if certificate else (None, None)
    return GrpcClient(process.address, grpc.ssl_channel_credentials(read("ca.crt"), *own), NAME)


def test_9_4_tls_without_a_certificate_of_the_client(folder: Path, server: ServerProcess) -> None:
    client = _client(folder, server)
    assert client.value("default") == [2.5]
    client.close()


def test_9_4_no_clear_text_beside_tls(server: ServerProcess) -> None:
    client = GrpcClient(server.address)
    with refused("UNAVAILABLE"):
        client.value("default")
    client.close()


def test_9_4_rest_stays_plain_http(server: ServerProcess) -> None:
    with rest_client(server.url) as rest:
        assert rest.get("/v1/models/default").status_code == 200


def test_9_4_client_verify_takes_certificates_of_the_ca(folder: Path, verifying: ServerProcess) -> None:
    client = _client(folder, verifying, "client")
    assert client.value("default") == [2.5]
    client.close()


def test_9_4_client_verify_refuses_those_without(folder: Path, verifying: ServerProcess) -> None:
    client = _client(folder, verifying)
    with refused("UNAVAILABLE"):
        client.value("default")
    client.close()


def test_9_4_client_verify_refuses_those_of_another_ca(
    folder: Path, verifying: ServerProcess, tmp_path: Path
) -> None:
    import grpc

    certificates(tmp_path / "others")
    ca = (folder / "certificates" / "ca.crt").read_bytes()
    own = [(tmp_path / "others" / name).read_bytes() for name in ("client.key", "client.crt")]
    client = GrpcClient(verifying.address, grpc.ssl_channel_credentials(ca, *own), NAME)
    with refused("UNAVAILABLE"):
        client.value("default")
    client.close()
