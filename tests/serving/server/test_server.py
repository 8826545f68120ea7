"""The executable as an operator meets it: readiness, drain, TLS, sockets, files that change."""

from __future__ import annotations

import datetime
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.clients import GrpcClient, refused, rest_client
from tests.serving.server_process import ServerProcess, answers, run_to_end, until

if TYPE_CHECKING:
    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration


def test_drains_and_a_second_signal_stops_at_once(models: ModelLibrary, tmp_path: Path) -> None:
    """After SIGTERM requests in flight are answered but no new ones are accepted; a second signal stops at once."""
    models.place("slow", tmp_path / "m")
    flags = (f"--model_base_path={tmp_path / 'm'}", "--model_name=m")
    with (
        ServerProcess(tmp_path, *flags, fresh=True) as server,
        rest_client(server.url) as rest,
        ThreadPoolExecutor() as pool,
    ):
        client = GrpcClient(server.address)
        by_grpc = pool.submit(client.value, "m", (1500.0,))
        by_rest = pool.submit(rest.post, "/v1/models/m:predict", json={"instances": [1500.0]})
        time.sleep(0.4)
        server.process.terminate()
        until(lambda: not answers(server.port) and not answers(server.rest_port), 1.0)
        assert by_grpc.result(10) == [1500.0]
        assert by_rest.result(10).json() == {"predictions": [1500.0]}
        assert server.exit_code(10) == 0
        assert "Drained; stopping" in server.log

    with ServerProcess(tmp_path, *flags, fresh=True) as server, ThreadPoolExecutor() as pool:
        client = GrpcClient(server.address)
        late = pool.submit(client.value, "m", (20000.0,))
        time.sleep(0.4)
        server.process.terminate()
        until(lambda: "finishing the requests in flight" in server.log)
        server.process.terminate()
        assert server.exit_code(2) == 128 + signal.SIGTERM
        assert late.exception(5) is not None


def test_ports_open_once_the_model_is_available_and_a_broken_version_changes_nothing(
    models: ModelLibrary, tmp_path: Path
) -> None:
    base = tmp_path / "m"
    base.mkdir()
    flags = (
        f"--model_base_path={base}",
        "--model_name=m",
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=1000",
        "--enable_grpc_healthcheck_service",
    )
    socket = tmp_path / "socket"
    with ServerProcess(tmp_path, *flags, f"--grpc_socket_path={socket}", ready=False) as server:
        until(lambda: "No versions of servable m found under base path" in server.log, 60)
        assert not answers(server.port)
        assert not answers(server.rest_port)
        models.place("half_plus_two", base, 1)
        server.wait_ready()
        client = GrpcClient(server.address)
        assert client.value("m") == [2.5]
        assert GrpcClient(f"unix:{socket}").value("m") == [2.5]

        broken = models.place("half_plus_three", tmp_path / "staging", 2)
        (broken / "saved_model.pb").unlink()
        broken.rename(base / "2")
        until(lambda: client.states("m") == {1: "AVAILABLE", 2: "END"})
        statuses = {status.version: status.status for status in client.statuses("m")}
        assert statuses[2].error_code != 0
        assert client.value("m") == [2.5]
        assert "cannot be loaded" in server.log

        outside = models.place("half_plus_three", tmp_path / "elsewhere", 3)
        (base / "3").symlink_to(outside)
        until(lambda: client.states("m") == {1: "END", 2: "END", 3: "AVAILABLE"})
        assert client.value("m") == [3.5]
    assert not socket.exists()


def test_before_it_is_ready_a_signal_stops_it_at_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, f"--model_base_path={tmp_path / 'nothing'}", ready=False) as server:
        until(lambda: "Could not find base path" in server.log, 60)
        assert server.stop() == 0
        assert "before the server was ready: stopping" in server.log


def test_a_model_that_cannot_load_ends_the_start(models: ModelLibrary, tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    ended = run_to_end(
        "--port=0",
        f"--grpc_socket_path={tmp_path / 's'}",
        f"--model_base_path={tmp_path / 'm'}",
        "--max_num_load_retries=0",
    )
    assert ended.returncode == 255
    assert "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available" in ended.stdout
    assert "{name: default version: 1}" in ended.stdout


@pytest.mark.parametrize(
    ("file", "text"), [("tensorflow_session_config_file", "intra_op: 1"), ("ssl_config_file", "")]
)
def test_files_that_end_the_start(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    ended = run_to_end(f"--model_base_path={tmp_path}", f"--{file}={path}")
    assert ended.returncode == 255
    assert "Failed to start server. Error: INVALID_ARGUMENT: " in ended.stdout
    assert str(path) in ended.stdout


def config(base: Path, *names: str) -> str:
    entries = (
        f'config {{ name: "{n}" base_path: "{base / n}" model_platform: "tensorflow" }}' for n in names
    )
    return f"model_config_list {{ {' '.join(entries)} }}"


def test_config_file_changes_are_applied_and_errors_in_it_survived(
    models: ModelLibrary, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        models.place("half_plus_two", tmp_path / name)
    file = tmp_path / "models.config"

    def write(text: str) -> None:
        coming = tmp_path / ".coming"
        coming.write_text(text)
        coming.rename(file)

    write(config(tmp_path, "a"))
    flags = (
        f"--model_config_file={file}",
        "--model_config_file_poll_wait_seconds=1",
        "--tensorflow_session_parallelism=1",
        "--saved_model_tags=serve",
    )
    with ServerProcess(tmp_path, *flags) as server:
        client = GrpcClient(server.address)
        write(config(tmp_path, "a", "b", "never"))
        until(lambda: answered(client, "b"))
        write("nonsense {")
        until(lambda: "Reloading" in server.log and "nonsense" in server.log)
        assert client.value("a") == [2.5]
        write(config(tmp_path, "b"))
        until(lambda: not answered(client, "a"))
        assert client.value("b") == [2.5]


def answered(client: GrpcClient, model: str) -> bool:
    import grpc

    try:
        return client.value(model) == [2.5]
    except grpc.RpcError:
        return False


class Authority:
    """A test certificate authority, and certificates it signs for the loopback."""

    def __init__(self) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        self._x509 = x509
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._sign(self._name, self._key.public_key(), authority=True)

    def _sign(self, subject: Any, key: Any, *, authority: bool) -> str:
        import ipaddress

        from cryptography.hazmat.primitives import hashes, serialization

        now = datetime.datetime.now(datetime.UTC)
        names = self._x509.SubjectAlternativeName([self._x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = (
            self._x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(self._x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(self._x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(names, critical=False)
        )
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str) -> tuple[str, str]:
        """A key and its certificate, as PEM text."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        subject = self._x509.Name([self._x509.NameAttribute(self._x509.NameOID.COMMON_NAME, name)])
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private.decode(), self._sign(subject, key.public_key(), authority=False)


def escaped(pem: str) -> str:
    return pem.replace("\n", "\\n")


def test_tls_with_client_certificates(models: ModelLibrary, tmp_path: Path) -> None:
    import grpc

    ours, theirs = Authority(), Authority()
    key, certificate = ours.issue("server")
    file = tmp_path / "ssl"
    file.write_text(
        f'server_key: "{escaped(key)}"\nserver_cert: "{escaped(certificate)}"\n'
        f'custom_ca: "{escaped(ours.certificate)}"\nclient_verify: true\n'
    )
    models.place("half_plus_two", tmp_path / "m")
    flags = (f"--model_base_path={tmp_path / 'm'}", "--model_name=m", f"--ssl_config_file={file}")
    with ServerProcess(tmp_path, *flags) as server:

        def value(authority: Authority | None) -> list[Any]:
            pair = authority.issue("client") if authority else (None, None)
            encoded = [text.encode() if text else None for text in pair]
            credentials = grpc.ssl_channel_credentials(ours.certificate.encode(), *encoded)
            return GrpcClient(server.address, credentials).value("m")

        assert value(ours) == [2.5]
        for stranger in (theirs, None):
            with refused("UNAVAILABLE"):
                value(stranger)
        with refused("UNAVAILABLE"):
            GrpcClient(server.address).value("m")
        with rest_client(server.url) as rest:
            assert rest.get("/v1/models/m").status_code == 200
        assert key.splitlines()[1] not in server.log


def test_a_key_of_another_certificate_is_refused_but_not_shown(tmp_path: Path) -> None:
    authority = Authority()
    (key, _), (_, certificate) = authority.issue("a"), authority.issue("b")
    file = tmp_path / "ssl"
    file.write_text(f'server_key: "{escaped(key)}" server_cert: "{escaped(certificate)}"')
    ended = run_to_end(f"--model_base_path={tmp_path}", f"--ssl_config_file={file}")
    assert ended.returncode == 255
    assert "do not make a TLS server (KEY_VALUES_MISMATCH)" in ended.stdout
    assert key.splitlines()[1] not in ended.stdout + ended.stderr
