from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from serving.client import Client, Code, InputError, RefusedError, Target, Tls
from serving.client.address import parse_address
from serving.client.errors import call_error


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://host", "http://host:8501"),
        ("grpc://host", "grpc://host:8500"),
        ("https://host/tf/", "https://host:443/tf"),
        ("grpcs://[::1]:7", "grpcs://[::1]:7"),
        ("unix:///run/s.sock", "unix:///run/s.sock"),
    ],
)
def test_addresses_are_read(url: str, said: str) -> None:
    assert str(parse_address(url)) == said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("host:8500", "expected http://"),
        ("htp://host", "did you mean 'http'"),
        ("http://host:99999", "range"),
        ("grpc://host/path", "expected"),
        ("http://host/?a=b", "expected"),
        ("http://", "expected"),
        ("unix://relative", "expected"),
    ],
)
def test_other_addresses_are_refused(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Client(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        Client("http://me:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(InputError, match="a certificate and its key"):
        Tls(certificate="cert.pem")


def test_a_version_and_a_label_exclude_each_other() -> None:
    with pytest.raises(InputError, match="version 1 and label 'a'"):
        Target("m", 1, "a")


@pytest.mark.parametrize("version", [-1, 2**63])
def test_versions_have_64_bits(version: int) -> None:
    with pytest.raises(InputError, match="a version of 64 bits"):
        Target("m", version)


def test_errors_survive_pickling() -> None:
    error = call_error(Code.FAILED_PRECONDITION, "no", model="m", http_status=400).after(2)
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, RefusedError)
    assert (back.code, back.message, back.model, back.http_status, back.attempts) == (9, "no", "m", 400, 2)


def test_clients_import_no_tensorflow_and_rest_no_grpc() -> None:
    code = (
        "import sys; from serving.client import Client; Client('http://h').close(); assert 'grpc' not in sys.modules;"
        "Client('grpc://h').close(); assert not {'tensorflow', 'tensorflow_serving'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
