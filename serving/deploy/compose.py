"""One server under docker compose."""

from __future__ import annotations

from typing import Any

from serving.deploy.command import CONFIG_FOLDER, SECRET_FOLDER, TLS_FOLDER, arguments, command
from serving.deploy.document import MODELS_FOLDER, ComposeConfig, DeployDocument, ResourcesConfig
from serving.deploy.probes import status_path
from serving.deploy.quantity import cores, memory_bytes
from serving.deploy.router.command import router_name
from serving.deploy.router.compose import router_service, router_volumes


def compose_file(document: DeployDocument, compose: ComposeConfig) -> dict[str, Any]:
    """Returns the content of docker-compose.yaml.

    The image has no curl, so the health check uses bash to ask for the first model's status. The container is healthy
    once HTTP answers, which is after every model has had an available version.
    """
    ports = (document.grpc_port, document.rest_port)
    service: dict[str, Any] = {
        "image": document.image,
        "entrypoint": command(document),
        "command": [
            a.replace("$", "$$") for a in arguments(document)
        ],  # a single $ would refer to a variable
        "init": True,  # as process 1, TF Serving would ignore SIGTERM
        "restart": "unless-stopped",
        "stop_grace_period": f"{document.drain_seconds}s",
        "ports": [f"{_host(compose.bind)}:{port}:{port}" for port in ports],
        "volumes": [_mount(source, target) for source, target in _mounts(document, compose)],
        "healthcheck": {
            "test": ["CMD", "/bin/bash", "-c", _health(document)],
            "interval": "10s",
            "timeout": "5s",
            "retries": 6,
            "start_period": f"{document.start_seconds}s",
        },
        "read_only": True,
        "tmpfs": ["/tmp", *([f"{SECRET_FOLDER}:mode=0700"] if document.tls is not None else [])],
        "security_opt": ["no-new-privileges:true"],
        "deploy": {"resources": _resources(document.resources)},
    }
    services = {document.name: service}
    if document.router is None:
        return {"name": document.name, "services": services}
    del service["ports"]  # the router takes them
    resources = _resources(document.router.resources)
    services[router_name(document)] = router_service(document, compose, document.router, resources)
    return {"name": document.name, "services": services, "volumes": router_volumes(document)}


def _resources(resources: ResourcesConfig) -> dict[str, Any]:
    limits = {"memory": str(memory_bytes(resources.memory_limit or resources.memory))}
    if resources.cpu_limit is not None:
        limits["cpus"] = cores(resources.cpu_limit)
    reserved = {"cpus": cores(resources.cpu), "memory": str(memory_bytes(resources.memory))}
    return {"reservations": reserved, "limits": limits}


def _mounts(document: DeployDocument, compose: ComposeConfig) -> list[tuple[str, str]]:
    mounts = [("./config", CONFIG_FOLDER)]
    if document.uses_volume:
        mounts.append((_relative(compose.models_folder), MODELS_FOLDER))
    if document.tls is not None:
        mounts.append((_relative(document.tls.folder), TLS_FOLDER))
    return mounts


def _mount(source: str, target: str) -> dict[str, Any]:
    """Returns a mount that fails if the folder is missing; the short form would create an empty one, owned by root."""
    return {
        "type": "bind",
        "source": source,
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def _relative(folder: str) -> str:
    return folder if folder.startswith(("/", ".", "~", "$")) else f"./{folder}"


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _health(document: DeployDocument) -> str:
    port = document.rest_port
    # ``$$`` is how compose escapes a dollar sign.
    return (
        f"exec 3<>/dev/tcp/127.0.0.1/{port} && "
        f"printf 'GET {status_path(document)} HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -u 3 line && "
        '[[ "$$line" == *" 200 "* ]]'
    )
