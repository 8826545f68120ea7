"""A real server gives the same answers through the router as directly, over both APIs, with an experiment running or not.

The server's contract tests run through a router with ``PENSTOCK_TEST_ROUTER=1``; this is a selection that always runs.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest

from serving.client import Client as ModelClient
from serving.experiments.contract import Target
from serving.router.options import Reload, RouterOptions
from tests.serving.contract.configs import Model, config_text
from tests.serving.models import ModelLibrary
from tests.serving.router.grpc.backend import CLASSIFY, METADATA, PREDICT, STATUS, Client
from tests.serving.router.running import RunningRouter, experiment
from tests.serving.server_process import ServerProcess

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def server(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("behind_a_router")
    for version in (1, 2):
        models.place(f"constant_{version}", folder / "m", version)
    models.place("half_plus_two", folder / "plain")
    config = folder / "models.config"
    config.write_text(config_text([Model("m", folder / "m", "all {}"), Model("plain", folder / "plain")]))
    flags = (f"--model_config_file={config}", "--rest_api_enable_cors_support=true")
    with ServerProcess(folder, *flags, fresh=True) as process:
        yield process


@pytest.fixture(scope="module")
def router(server: ServerProcess) -> Iterator[RunningRouter]:
    """Model ``m`` goes to its version 1; the newest is 2."""
    options = RouterOptions(port=0, rest_port=0, drain_seconds=1.0, reload=Reload.all)
    backends = {"main": {"grpc": server.address, "rest": server.url.removeprefix("http://")}}
    with RunningRouter(backends, {"m": experiment(Target("m", 1))}, options) as found:
        yield found


ROW = b'{"instances": [1.0, 2.0]}'
REST: list[tuple[str, str, str, bytes, dict[str, str]]] = [
    ("predict", "POST", "/v1/models/plain:predict", ROW, {}),
    ("gzip", "POST", "/v1/models/plain:predict", gzip.compress(ROW), {"Content-Encoding": "gzip"}),
    ("broken-gzip", "POST", "/v1/models/plain:predict", b"junk", {"Content-Encoding": "gzip"}),
    ("nan", "POST", "/v1/models/plain:predict", b'{"instances": [NaN, Infinity]}', {}),
    ("bad-json", "POST", "/v1/models/plain:predict", b'{"instances": [', {}),
    ("empty", "POST", "/v1/models/plain:predict", b"", {}),
    ("no-model", "POST", "/v1/models/none:predict", ROW, {}),
    ("no-version", "POST", "/v1/models/plain/versions/9:predict", ROW, {}),
    ("no-label", "POST", "/v1/models/plain/labels/x:predict", ROW, {}),
    ("query", "POST", "/v1/models/plain:predict?a=b", ROW, {}),
    ("status", "GET", "/v1/models/plain", b"", {}),
    ("metadata", "GET", "/v1/models/plain/metadata", b"", {}),
    ("chosen-version", "POST", "/v1/models/m/versions/2:predict", ROW, {}),
    ("status-of-an-experiment", "GET", "/v1/models/m", b"", {}),
    ("no-name", "GET", "/v1/models", b"", {}),
    ("not-an-api", "GET", "/nothing", b"", {}),
    ("put", "PUT", "/v1/models/plain:predict", ROW, {}),
    ("options", "OPTIONS", "/v1/models/plain:predict", b"", {"Origin": "http://page.example"}),
    ("head", "HEAD", "/v1/models/plain", b"", {}),
]


@pytest.mark.parametrize("request_", REST, ids=[request[0] for request in REST])
def test_rest(server: ServerProcess, router: RunningRouter, request_: Any) -> None:
    _, method, path, body, headers = request_
    answers = []
    for url in (server.url, router.url):
        with httpx.Client(trust_env=False, timeout=20) as client:
            found = client.request(method, url + path, content=body, headers=headers)
        kept = [(name, value) for name, value in found.headers.items() if name != "date"]
        answers.append((found.status_code, found.content, sorted(kept)))
    assert answers[0] == answers[1]


def _requests() -> dict[str, tuple[str, bytes]]:
    from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2

    from tests.serving.clients import floats, predict_request, spec

    metadata = get_model_metadata_pb2.GetModelMetadataRequest
    return {
        "predict": (PREDICT, predict_request("plain", {"x": floats(1.0)}).SerializeToString()),
        "wrong-input": (PREDICT, predict_request("plain", {"z": floats(1.0)}).SerializeToString()),
        "no-model": (PREDICT, predict_request("none", {"x": floats(1.0)}).SerializeToString()),
        "no-spec": (PREDICT, b""),
        "junk": (PREDICT, b"\xff\xff\xff"),
        "version": (PREDICT, predict_request(spec("m", version=2), {"x": floats(1.0)}).SerializeToString()),
        "classify": (CLASSIFY, classification_pb2.ClassificationRequest(model_spec=spec("plain")).SerializeToString()),
        "status": (STATUS, get_model_status_pb2.GetModelStatusRequest(model_spec=spec("m")).SerializeToString()),
        "metadata": (METADATA, metadata(model_spec=spec("plain"), metadata_field=["signature_def"]).SerializeToString()),
        "health": ("/grpc.health.v1.Health/Check", b""),
    }  # fmt: skip


NAMES = (
    "predict", "wrong-input", "no-model", "no-spec", "junk", "version", "classify", "status", "metadata", "health",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_grpc(server: ServerProcess, router: RunningRouter, name: str) -> None:
    method, message = _requests()[name]
    answers: list[Any] = []
    for address in (server.address, router.address):
        with Client(address) as client:
            try:
                answers.append(client.call(message, method))
            except grpc.RpcError as error:
                answers.append((error.code(), error.details(), tuple(error.trailing_metadata())))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_our_own_client_sees_the_arm(server: ServerProcess, router: RunningRouter, scheme: str) -> None:
    urls = {"http": router.url, "grpc": f"grpc://{router.address}"}
    with ModelClient(urls[scheme]) as client:
        answer = client.predict("m", {"x": [1.0]}, unit="anna")
        assert answer.arm is not None
        assert (answer.arm.experiment, answer.arm.name) == ("e", "new")
        assert list(answer["y"]) == [1.0]
        assert list(client.predict("m", {"x": [1.0]}, version=2)["y"]) == [2.0]
        plain = client.predict("plain", {"x": [1.0]}, unit="anna")
    assert plain.arm is None
