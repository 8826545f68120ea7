"""One model server shared by all tests in this folder, and a client for each transport."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.client import Client, ModelConfig
from tests.serving.client.retention import retention
from tests.serving.models import ModelLibrary
from tests.serving.server_process import ServerProcess

MODELS = ("half_plus_two", "types", "arithmetic", "examples", "slow")


@pytest.fixture(scope="session")
def base(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models."""
    folder = tmp_path_factory.mktemp("client_models")
    for name in MODELS:
        models.place(name, folder / name)
    for version in (1, 2):
        models.place(f"constant_{version}", folder / "versions", version)
    (folder / "retention").mkdir()
    retention(folder / "retention" / "1")
    return folder


@pytest.fixture(scope="session")
def configured(base: Path) -> list[ModelConfig]:
    """The server's model configuration."""
    return [
        *(ModelConfig(name, str(base / name)) for name in MODELS),
        ModelConfig("versions", str(base / "versions"), all_versions=True, labels={"stable": 1}),
        ModelConfig("retention", str(base / "retention"), labels={"stable": 1}),
    ]


@pytest.fixture(scope="session")
def server(
    configured: list[ModelConfig], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """The server's executable."""
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    from serving.client.reload import serialized_config

    folder = tmp_path_factory.mktemp("client_server")
    config = ModelServerConfig.FromString(serialized_config(configured))
    (folder / "models.config").write_text(text_format.MessageToString(config))
    flags = (
        f"--model_config_file={folder / 'models.config'}",
        "--allow_version_labels_for_unavailable_models=true",
    )
    with ServerProcess(folder, *flags) as process:
        for url in (process.url, f"grpc://{process.address}"):
            with Client(url) as client:
                for version in (1, 2):
                    client.wait_until_ready("versions", version=version)
        yield process


@pytest.fixture(scope="session", params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Client]:
    """A client for each transport: the same assertions hold for both."""
    with Client(server.url if request.param == "rest" else f"grpc://{server.address}") as made:
        yield made


@pytest.fixture(scope="session")
def grpc_client(server: ServerProcess) -> Iterator[Client]:
    """A client for calls that REST lacks."""
    with Client(f"grpc://{server.address}") as made:
        yield made
