"""Kubernetes objects: Deployment, Services, ConfigMap and, if wanted, claim, disruption budget and autoscaler."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from serving.deploy.command import CONFIG_FOLDER, SECRET_FOLDER, TLS_FOLDER, arguments, command
from serving.deploy.document import (
    MODELS_FOLDER,
    AutoscaleConfig,
    DeployDocument,
    KubernetesConfig,
    StorageConfig,
)
from serving.deploy.pods import CONTAINER_SECURITY, container_resources, pod_spec
from serving.deploy.probes import probes
from serving.deploy.router.kubernetes import router_manifests
from serving.deploy.text_files import MODELS

_USER = 65532
"""The user the server runs as; it only needs to read the models."""

Manifest = dict[str, Any]


def manifests(
    document: DeployDocument, cluster: KubernetesConfig, files: dict[str, str], experiments: str = ""
) -> list[Manifest]:
    """Returns the objects in the order to apply them.

    Args:
        document: The document.
        cluster: Its Kubernetes section.
        files: File name → text of the server's configuration files.
        experiments: The text of the router's document, if there is a router.
    """
    made = [_config_map(document, files)]
    if cluster.storage is not None and cluster.storage.create:
        made.append(_claim(document, cluster.storage))
    made += [_deployment(document, cluster, files), *_services(document)]
    if cluster.replicas > 1:
        made.append(_disruption_budget(document))
    if cluster.autoscale is not None:
        made.append(_autoscaler(document, cluster.replicas, cluster.autoscale))
    if document.router is not None:
        made += router_manifests(document, cluster, document.router, experiments)
    for manifest in made:
        if cluster.namespace is not None:
            manifest["metadata"]["namespace"] = cluster.namespace
    return made


def _object(kind: str, version: str, name: str, document: DeployDocument, **rest: Any) -> Manifest:
    metadata: Manifest = {
        "name": name,
        "labels": {**_labels(document), "app.kubernetes.io/managed-by": "penstock"},
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _labels(document: DeployDocument) -> dict[str, str]:
    return {"app.kubernetes.io/name": document.name, "app.kubernetes.io/component": "model-server"}


def _config_map(document: DeployDocument, files: dict[str, str]) -> Manifest:
    return _object("ConfigMap", "v1", f"{document.name}-config", document, data=files)


def _claim(document: DeployDocument, storage: StorageConfig) -> Manifest:
    spec: Manifest = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": storage.size}},
    }
    if storage.storage_class is not None:
        spec["storageClassName"] = storage.storage_class
    return _object("PersistentVolumeClaim", "v1", storage.claim, document, spec=spec)


def _deployment(document: DeployDocument, cluster: KubernetesConfig, files: dict[str, str]) -> Manifest:
    """Returns the Deployment; it rolls out without a failed request.

    A new pod is ready before an old one stops, and a stopping pod still answers.

    The running server rereads the list of models, so changing it does not restart the pods. Changes to any other file
    do, through its hash.
    """
    spec: Manifest = {
        "selector": {"matchLabels": _labels(document)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "progressDeadlineSeconds": document.start_seconds + 120,
        "template": {
            "metadata": {"labels": _labels(document), "annotations": _annotations(document, files)},
            "spec": _pod(document, cluster),
        },
    }
    if cluster.autoscale is None:  # otherwise every apply would reset the autoscaler's number
        spec["replicas"] = cluster.replicas
    return _object("Deployment", "apps/v1", document.name, document, spec=spec)


def _annotations(document: DeployDocument, files: dict[str, str]) -> dict[str, str]:
    fixed = {n: t for n, t in files.items() if n != MODELS or not document.config_poll_seconds}
    hashed = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:16]
    annotations = {"penstock/config-hash": hashed}
    if document.monitoring is not None:
        annotations |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(document.rest_port),
            "prometheus.io/path": document.monitoring.path,
        }
    return annotations


def _pod(document: DeployDocument, cluster: KubernetesConfig) -> Manifest:
    volumes, mounts = _volumes(document, cluster)
    # The pause before SIGTERM is the only drain: TF Serving does not handle the signal.
    pod = pod_spec(document, cluster, _labels(document), _USER)
    pod["containers"], pod["volumes"] = [_container(document, cluster, mounts)], volumes
    return pod


def _container(document: DeployDocument, cluster: KubernetesConfig, mounts: list[Manifest]) -> Manifest:
    container: Manifest = {
        "name": "server",
        "image": document.image,
        "command": command(document),
        "args": [a.replace("$(", "$$(") for a in arguments(document)],  # a single $ would refer to a variable
        "ports": [
            {"name": "grpc", "containerPort": document.grpc_port},
            {"name": "rest", "containerPort": document.rest_port},
        ],
        **probes(document),
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sleep", str(document.drain_seconds)]}}},
        "resources": container_resources(document.resources),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }
    if cluster.env_from_secret is not None:
        container["envFrom"] = [{"secretRef": {"name": cluster.env_from_secret}}]
    return container


def _volumes(document: DeployDocument, cluster: KubernetesConfig) -> tuple[list[Manifest], list[Manifest]]:
    volumes: list[Manifest] = [
        {"name": "config", "configMap": {"name": f"{document.name}-config"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    mounts: list[Manifest] = [
        {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if cluster.storage is not None:
        claim = {"claimName": cluster.storage.claim, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
        mounts.append({"name": "models", "mountPath": MODELS_FOLDER, "readOnly": True})
    if document.tls is not None:
        secret = document.tls.secret or f"{document.name}-tls"
        volumes.append({"name": "tls", "secret": {"secretName": secret, "defaultMode": 0o440}})
        volumes.append({"name": "secret", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
        mounts.append({"name": "tls", "mountPath": TLS_FOLDER, "readOnly": True})
        mounts.append({"name": "secret", "mountPath": SECRET_FOLDER})
    return volumes, mounts


def _services(document: DeployDocument) -> list[Manifest]:
    """Returns a Service for REST and gRPC, and a headless one that resolves to every pod.

    A gRPC client keeps its connection, so through the first Service all its calls reach one pod. Clients that balance
    calls themselves use the headless one.
    """
    ports = [
        {"name": "grpc", "port": document.grpc_port, "targetPort": "grpc"},
        {"name": "rest", "port": document.rest_port, "targetPort": "rest"},
    ]
    spec: Manifest = {"selector": _labels(document), "ports": ports}
    return [
        _object("Service", "v1", document.name, document, spec={"type": "ClusterIP", **spec}),
        _object("Service", "v1", f"{document.name}-pods", document, spec={"clusterIP": "None", **spec}),
    ]


def _disruption_budget(document: DeployDocument) -> Manifest:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _labels(document)}}
    return _object("PodDisruptionBudget", "policy/v1", document.name, document, spec=spec)


def _autoscaler(document: DeployDocument, least: int, scale: AutoscaleConfig) -> Manifest:
    busy = {"type": "Utilization", "averageUtilization": scale.cpu_percent}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": document.name},
        "minReplicas": least,
        "maxReplicas": scale.most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": busy}}],
    }
    return _object("HorizontalPodAutoscaler", "autoscaling/v2", document.name, document, spec=spec)
