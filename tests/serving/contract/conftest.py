"""The server shared by contract rows that do not need their own, and its clients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import GrpcClient, rest_client
from tests.serving.contract.configs import Model, config_text
from tests.serving.contract.managed import ManagedServer, managed
from tests.serving.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving.models import ModelLibrary

SHARED = ("types", "arithmetic", "failing", "counter", "slow", "examples", "tf2_examples")


def _shared_models(models: ModelLibrary, base: Path) -> list[Model]:
    for name in SHARED:
        models.place(name, base / name)
    models.place("half_plus_two", base / "half_plus_two", "00000123")
    models.place("half_plus_three", base / "zero", 0)
    models.place("half_plus_two", base / "odd")
    for version in (1, 2, 3):
        models.place(f"constant_{version}", base / "versions", version)
    return [
        *(Model(name, base / name) for name in (*SHARED, "half_plus_two", "zero")),
        Model("odd näme &1.0", base / "odd"),
        Model("versions", base / "versions", "all {}"),
    ]


@pytest.fixture(scope="session")
def server(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with default flags (and monitoring), one model per kind; ``versions`` has labels 1 to 3."""
    folder = tmp_path_factory.mktemp("shared_server")
    configured = _shared_models(models, folder / "models")
    config, monitoring = folder / "models.config", folder / "monitoring.config"
    config.write_text(config_text(configured))
    monitoring.write_text("prometheus_config { enable: true }")
    flags = (f"--model_config_file={config}", f"--monitoring_config_file={monitoring}")
    with ServerProcess(folder, *flags) as process:
        client = GrpcClient(process.address)
        labelled = Model("versions", folder / "models" / "versions", "all {}", {"stable": 1, "canary": 2})
        _label(client, [*configured[:-1], labelled])
        yield process
        client.close()


def _label(client: GrpcClient, models: list[Model]) -> None:
    """Loads all three versions of ``versions``, then sets its labels."""
    from tests.serving.server_process import until

    until(
        lambda: (
            set(client.states("versions").values()) == {"AVAILABLE"} and len(client.states("versions")) == 3
        )
    )
    client.reload(config_text(models))


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[GrpcClient]:
    """A gRPC client for the shared server."""
    found = GrpcClient(server.address)
    yield found
    found.close()


@pytest.fixture(scope="session")
def rest(server: ServerProcess) -> Iterator[httpx.Client]:
    """An HTTP client for the shared server."""
    with rest_client(server.url) as found:
        yield found


@pytest.fixture(scope="session")
def managed_server(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    """A server that tests change by reloads; a failed load is retried once, after 0.3 seconds."""
    flags = ("--max_num_load_retries=1", "--load_retry_interval_micros=300000", "--num_load_threads=2")
    with managed(models, tmp_path_factory.mktemp("managed"), *flags) as found:
        yield found
