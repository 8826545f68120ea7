"""The router's objects in a Kubernetes cluster: Deployment, Service and disruption budget."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from serving.deploy.command import CONFIG_FOLDER
from serving.deploy.pods import CONTAINER_SECURITY, container_resources, pod_spec
from serving.deploy.router.command import (
    DATA_FOLDER,
    EXPERIMENTS,
    LIVE,
    READY,
    router_arguments,
    router_name,
)

if TYPE_CHECKING:
    from serving.deploy.document import DeployDocument, KubernetesConfig, RouterConfig

Manifest = dict[str, Any]
_USER = 10001
"""The user of the image."""


def router_manifests(
    document: DeployDocument, cluster: KubernetesConfig, router: RouterConfig, experiments: str
) -> list[Manifest]:
    """Returns the objects in the order to apply them.

    Args:
        document: The document.
        cluster: Its section for Kubernetes.
        router: Its section for the router.
        experiments: The text of the experiments' document.
    """
    config = _object("ConfigMap", "v1", f"{router_name(document)}-config", document)
    config["data"] = {EXPERIMENTS: experiments}
    made = [config, _deployment(document, cluster, router), _service(document)]
    if router.replicas > 1:
        spec = {"maxUnavailable": 1, "selector": {"matchLabels": _labels(document)}}
        made.append(_object("PodDisruptionBudget", "policy/v1", router_name(document), document, spec=spec))
    return made


def _labels(document: DeployDocument) -> dict[str, str]:
    return {"app.kubernetes.io/name": document.name, "app.kubernetes.io/component": "router"}


def _object(kind: str, version: str, name: str, document: DeployDocument, **rest: Any) -> Manifest:
    labels = {**_labels(document), "app.kubernetes.io/managed-by": "penstock"}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}, **rest}


def _deployment(document: DeployDocument, cluster: KubernetesConfig, router: RouterConfig) -> Manifest:
    """Returns the Deployment. The router rereads its document, so a change of it restarts nothing.

    With a volume that one pod owns, the old pod has to stop before the new one starts.
    """
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    single = router.data_claim is not None and router.replicas == 1
    spec: Manifest = {
        "replicas": router.replicas,
        "selector": {"matchLabels": _labels(document)},
        "strategy": {"type": "Recreate"} if single else rolling,
        "template": {
            "metadata": {
                "labels": _labels(document),
                "annotations": {
                    "penstock/command-hash": _digest(router_arguments(document)),
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": str(document.rest_port),
                    "prometheus.io/path": "/metrics",
                },
            },
            "spec": _pod(document, cluster, router),
        },
    }
    return _object("Deployment", "apps/v1", router_name(document), document, spec=spec)


def _digest(arguments: list[str]) -> str:
    return hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:16]


def _pod(document: DeployDocument, cluster: KubernetesConfig, router: RouterConfig) -> Manifest:
    claim: Manifest = {"name": "data", "emptyDir": {}}
    if router.data_claim is not None:
        claim = {"name": "data", "persistentVolumeClaim": {"claimName": router.data_claim}}
    pod = pod_spec(document, cluster, _labels(document), _USER)
    pod["containers"] = [_container(document, router)]
    pod["volumes"] = [
        {"name": "config", "configMap": {"name": f"{router_name(document)}-config"}},
        {"name": "tmp", "emptyDir": {}},
        claim,
    ]
    return pod


def _container(document: DeployDocument, router: RouterConfig) -> Manifest:
    container: Manifest = {
        "name": "router",
        "image": router.image,
        "args": [argument.replace("$(", "$$(") for argument in router_arguments(document)],
        "ports": [
            {"name": "grpc", "containerPort": document.grpc_port},
            {"name": "rest", "containerPort": document.rest_port},
        ],
        "readinessProbe": _probe(READY, 5, 2),
        "livenessProbe": _probe(LIVE, 10, 6),
        # The Services forget the pod during this pause; then the router drains at SIGTERM.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sleep", "5"]}}},
        "resources": container_resources(router.resources),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "data", "mountPath": DATA_FOLDER},
        ],
    }
    if router.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": router.secret}}]
    return container


def _probe(path: str, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "rest"},
        "timeoutSeconds": 5,
        "periodSeconds": period,
        "failureThreshold": failures,
    }


def _service(document: DeployDocument) -> Manifest:
    """Returns the Service that clients use; several routers share slot tables and state, so any of them will do."""
    ports = [
        {"name": "grpc", "port": document.grpc_port, "targetPort": "grpc"},
        {"name": "rest", "port": document.rest_port, "targetPort": "rest"},
    ]
    spec = {"type": "ClusterIP", "selector": _labels(document), "ports": ports}
    return _object("Service", "v1", router_name(document), document, spec=spec)
