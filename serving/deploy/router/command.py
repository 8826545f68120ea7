"""The router's command line inside a container, and the addresses that clients and the router use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from serving.deploy.command import CONFIG_FOLDER

if TYPE_CHECKING:
    from serving.deploy.document import DeployDocument

EXPERIMENTS: Final = "experiments.yaml"
"""The experiments' document in the folder of configuration files."""
DATA_FOLDER: Final = "/data"
"""Where the router keeps what must survive it: SQLite and the prediction log."""
READY: Final = "/healthz/ready"
LIVE: Final = "/healthz/live"


def router_name(document: DeployDocument) -> str:
    """Returns the name of the router's service."""
    return f"{document.name}-router"


def server_address(document: DeployDocument, *, rest: bool) -> str:
    """Returns where the router finds the model server, as a backend of the experiments' document names it."""
    return f"{document.name}:{document.rest_port if rest else document.grpc_port}"


def router_arguments(document: DeployDocument) -> list[str]:
    """Returns the arguments of ``penstock``, the image's entry point."""
    return [
        "route",
        f"{CONFIG_FOLDER}/{EXPERIMENTS}",
        "--host=0.0.0.0",  # inside the container; the compose file and the Service say who may reach it
        f"--port={document.grpc_port}",
        f"--rest-port={document.rest_port}",
    ]
