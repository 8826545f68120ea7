"""The router's service in docker-compose.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.deploy.command import CONFIG_FOLDER
from serving.deploy.router.command import DATA_FOLDER, READY, router_arguments, router_name

if TYPE_CHECKING:
    from serving.deploy.document import ComposeConfig, DeployDocument, RouterConfig


def router_service(
    document: DeployDocument, compose: ComposeConfig, router: RouterConfig, resources: dict[str, Any]
) -> dict[str, Any]:
    """Returns the service; it takes the public ports in the place of the server's.

    Args:
        document: The document.
        compose: Its section for docker compose.
        router: Its section for the router.
        resources: Reservations and limits.
    """
    host = f"[{compose.bind}]" if ":" in compose.bind else compose.bind
    probe = (
        f"import urllib.request as u; u.urlopen('http://127.0.0.1:{document.rest_port}{READY}', timeout=4)"
    )
    service: dict[str, Any] = {
        "image": router.image,
        "command": [argument.replace("$", "$$") for argument in router_arguments(document)],
        "init": True,
        "restart": "unless-stopped",
        "stop_grace_period": f"{document.drain_seconds}s",
        "depends_on": {document.name: {"condition": "service_healthy"}},
        "ports": [f"{host}:{port}:{port}" for port in (document.grpc_port, document.rest_port)],
        "volumes": [
            {
                "type": "bind",
                "source": "./config",
                "target": CONFIG_FOLDER,
                "read_only": True,
                "bind": {"create_host_path": False},
            },
            {"type": "volume", "source": _volume(document), "target": DATA_FOLDER},
        ],
        "healthcheck": {
            "test": ["CMD", "python", "-c", probe],
            "interval": "10s",
            "timeout": "5s",
            "retries": 6,
            "start_period": "30s",
        },
        "read_only": True,
        "tmpfs": ["/tmp"],
        "security_opt": ["no-new-privileges:true"],
        "deploy": {"resources": resources},
    }
    if router.environment:
        # A name without a value is taken from the shell that starts docker compose: no secret is written here.
        service["environment"] = list(router.environment)
    return service


def router_volumes(document: DeployDocument) -> dict[str, Any]:
    """Returns the named volumes that the service needs."""
    return {_volume(document): {}}


def _volume(document: DeployDocument) -> str:
    return f"{router_name(document)}-data"
